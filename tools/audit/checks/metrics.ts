import type { AuditCheck } from '../audit.ts';

interface Finding {
  subject: string;
  message: string;
}

/**
 * Metric steps of an attempt are unique and without gaps: batches are numbered on from 1, a curve
 * has each step once, `train.loss` has every step after the one that the attempt started from, and
 * nothing that a succeeded attempt produced is missing.
 */
export const checkMetrics: AuditCheck = async ({ rows }) => [
  ...(await rows<Finding>(`
    SELECT attempt_id AS subject, 'its ' || kind || ' batches are numbered ' || min(seq) || ' to ' ||
      max(seq) || ', and there are ' || count(*) || '.' AS message
    FROM (SELECT attempt_id, seq, 'metric' AS kind FROM metric_batches
      UNION ALL SELECT attempt_id, seq, 'log' FROM log_batches) batches
    GROUP BY attempt_id, kind HAVING min(seq) <> 1 OR max(seq) <> count(*)`)),
  ...(await rows<Finding>(`
    SELECT attempt_id AS subject, 'batch ' || seq || ' says ' || count || ' points and has ' ||
      jsonb_array_length(points) || '.' AS message
    FROM metric_batches WHERE count <> jsonb_array_length(points)`)),
  ...(await rows<Finding>(`
    SELECT attempt_id AS subject,
      'the point ' || (point ->> 2) || ' at step ' || (point ->> 0) || ' is there ' || count(*) ||
      ' times.' AS message
    FROM metric_batches, jsonb_array_elements(points) point
    GROUP BY attempt_id, point ->> 2, point ->> 0 HAVING count(*) > 1`)),
  ...(await rows<Finding>(`
    SELECT a.id AS subject, 'train.loss has ' || count(*) || ' points between the steps ' ||
      min((point ->> 0)::int) || ' and ' || max((point ->> 0)::int) || ', and the attempt started from ' ||
      a.start_step || '.' AS message
    FROM attempts a JOIN metric_batches b ON b.attempt_id = a.id, jsonb_array_elements(b.points) point
    WHERE point ->> 2 = 'train.loss' GROUP BY a.id
    HAVING min((point ->> 0)::int) <> a.start_step + 1
      OR max((point ->> 0)::int) - min((point ->> 0)::int) + 1 <> count(DISTINCT point ->> 0)`)),
  ...(await rows<Finding>(`
    SELECT a.id AS subject,
      'it produced ' || a.produced || ' points, and ' || COALESCE(sum(b.count), 0) || ' arrived.' AS message
    FROM attempts a LEFT JOIN metric_batches b ON b.attempt_id = a.id
    WHERE a.state = 'succeeded' GROUP BY a.id HAVING a.produced <> COALESCE(sum(b.count), 0)`)),
];
