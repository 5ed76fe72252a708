-- AlterTable
ALTER TABLE "model_versions" ADD COLUMN     "source" JSONB,
ALTER COLUMN "job_id" DROP NOT NULL,
ALTER COLUMN "dataset_version_id" DROP NOT NULL,
ALTER COLUMN "spec" DROP NOT NULL;

-- CreateTable
CREATE TABLE "imports" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "backbone" TEXT,
    "options" JSONB NOT NULL,
    "state" TEXT NOT NULL,
    "note" TEXT,
    "model_version_id" TEXT,
    "failure_kind" TEXT,
    "failure_code" TEXT,
    "failure_message" TEXT,
    "lease_token" INTEGER NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "worker_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "imports_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "import_uploads" (
    "import_id" TEXT NOT NULL,
    "upload_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,

    CONSTRAINT "import_uploads_pkey" PRIMARY KEY ("import_id","upload_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "imports_model_version_id_key" ON "imports"("model_version_id");

-- CreateIndex
CREATE INDEX "imports_state_lease_until_idx" ON "imports"("state", "lease_until");

-- CreateIndex
CREATE INDEX "imports_project_id_backbone_idx" ON "imports"("project_id", "backbone");

-- CreateIndex
CREATE INDEX "import_uploads_upload_id_idx" ON "import_uploads"("upload_id");

-- AddForeignKey
ALTER TABLE "imports" ADD CONSTRAINT "imports_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "imports" ADD CONSTRAINT "imports_model_version_id_fkey" FOREIGN KEY ("model_version_id") REFERENCES "model_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "import_uploads" ADD CONSTRAINT "import_uploads_import_id_fkey" FOREIGN KEY ("import_id") REFERENCES "imports"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "import_uploads" ADD CONSTRAINT "import_uploads_upload_id_fkey" FOREIGN KEY ("upload_id") REFERENCES "uploads"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
