import {
  type CORSRule,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { BrowserAccess } from '../port.ts';

/** What a dashboard at `origin` does with the bucket: parts go up, and their ETags are read back. */
function ruleFor(origin: string): CORSRule {
  return {
    ID: `vanda ${origin}`.slice(0, 255),
    AllowedOrigins: [origin],
    AllowedMethods: ['GET', 'HEAD', 'PUT'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag'],
    MaxAgeSeconds: 3600,
  };
}

/**
 * Lets the pages of `origin` talk to the bucket. Rules that are there stay; nothing is written where they allow enough
 * already. A store that refuses, or has no such rules, is not an error: the answer then says what to set by hand.
 */
export async function allowOrigin(
  client: S3Client,
  bucket: string,
  origin: string,
): Promise<BrowserAccess> {
  const wanted = ruleFor(origin);
  try {
    const rules = await presentRules(client, bucket);
    if (rules.some((rule) => allows(rule, origin))) return { allowed: true };
    const others = rules.filter((rule) => rule.ID !== wanted.ID);
    await client.send(
      new PutBucketCorsCommand({
        Bucket: bucket,
        CORSConfiguration: { CORSRules: [...others, wanted] },
      }),
    );
    return { allowed: true };
  } catch (error) {
    const { ID: _, ...rule } = wanted;
    return {
      allowed: false,
      advice:
        `Browsers at ${origin} may not be able to upload: the CORS rules of the bucket "${bucket}" could not be ` +
        `read or set (${(error as Error).message}). Add this rule by hand: ${JSON.stringify(rule)}`,
    };
  }
}

async function presentRules(client: S3Client, bucket: string): Promise<CORSRule[]> {
  try {
    const { CORSRules } = await client.send(new GetBucketCorsCommand({ Bucket: bucket }));
    return CORSRules ?? [];
  } catch (error) {
    if ((error as Error).name === 'NoSuchCORSConfiguration') return [];
    throw error;
  }
}

function allows(rule: CORSRule, origin: string): boolean {
  const has = (values: string[] | undefined, value: string) =>
    values?.some((each) => matches(each.toLowerCase(), value.toLowerCase())) ?? false;
  return (
    has(rule.AllowedOrigins, origin) &&
    has(rule.AllowedMethods, 'PUT') &&
    has(rule.AllowedHeaders, 'content-type') &&
    has(rule.ExposeHeaders, 'etag')
  );
}

/** S3 allows one `*` in an origin or a header. */
function matches(pattern: string, value: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === value;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return (
    value.length >= before.length + after.length &&
    value.startsWith(before) &&
    value.endsWith(after)
  );
}
