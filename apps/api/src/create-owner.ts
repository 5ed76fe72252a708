import {
  createKey,
  createOwner,
  findOwner,
  inTransaction,
  openDatabase,
  setPassword,
} from '@vanda/records';
import { hashPassword } from 'better-auth/crypto';
import { newPassword } from './accounts/new-password.ts';
import { readConfig } from './config.ts';

/**
 * Makes the installation's owner with a project and an API key, and prints one JSON line: {email, password, apiKey,
 * projectId} the first time, {existing: true, ...} afterwards. With --renew an owner that is there already gets a new
 * password and one more key, for a first start that died before it had written down the first ones.
 */
async function main(): Promise<void> {
  const config = readConfig();
  const db = openDatabase(config.databaseUrl, { connectionsMax: 2 });
  try {
    const email = 'owner@vanda.local';
    const password = newPassword();
    const keyName = 'This machine';
    const passwordHash = await hashPassword(password);
    const made = await inTransaction(db, (tx) =>
      createOwner(tx, {
        email,
        name: 'Owner',
        passwordHash,
        projectName: 'Default',
        keyName,
      }),
    );
    if (made !== null) {
      print({ email, password, apiKey: made.key, projectId: made.projectId });
      return;
    }
    const owner = await findOwner(db);
    if (owner !== null && process.argv.includes('--renew')) {
      const { key } = await inTransaction(db, async (tx) => {
        await setPassword(tx, owner.id, passwordHash);
        return createKey(tx, owner.projectId, keyName);
      });
      print({ email: owner.email, password, apiKey: key, projectId: owner.projectId });
      return;
    }
    print({ existing: true, email: owner?.email, projectId: owner?.projectId });
  } finally {
    await db.$disconnect();
  }
}

function print(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`The owner's account could not be made. ${error.message}\n`);
  process.exit(1);
});
