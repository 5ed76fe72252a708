-- AlterTable
ALTER TABLE "workers" ADD COLUMN     "rate" JSONB;

-- AlterTable
ALTER TABLE "model_versions" ADD COLUMN     "test_items" INTEGER;
