-- CreateTable
CREATE TABLE "previews" (
    "id" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "attempt_id" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "validation" JSONB,
    "chance" DOUBLE PRECISION,
    "signature" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "previews_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "previews_job_id_key" ON "previews"("job_id");

-- AddForeignKey
ALTER TABLE "previews" ADD CONSTRAINT "previews_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "previews" ADD CONSTRAINT "previews_attempt_id_fkey" FOREIGN KEY ("attempt_id") REFERENCES "attempts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
