import { findOwner, inTransaction, openDatabase, setPassword } from '@vanda/records';
import { hashPassword } from 'better-auth/crypto';
import { newPassword } from './accounts/new-password.ts';
import { readDatabaseUrl } from './config.ts';

/** Gives the owner a new password, prints it once and ends every session. The database has to run; nothing else. */
async function main(): Promise<void> {
  const db = openDatabase(readDatabaseUrl(), { connectionsMax: 1 });
  try {
    const owner = await findOwner(db);
    if (owner === null) {
      throw new Error('There is no owner yet: "npm start" makes one.');
    }
    const password = newPassword();
    const passwordHash = await hashPassword(password);
    await inTransaction(db, (tx) => setPassword(tx, owner.id, passwordHash));
    process.stdout.write(
      `The new password of ${owner.email} is\n\n  ${password}\n\nEvery session was ended: sign in with it.\n`,
    );
  } finally {
    await db.$disconnect();
  }
}

main().catch((error: Error & { code?: string }) => {
  const away = /ECONNREFUSED|reach database|P1001/.test(`${error.code} ${error.message}`);
  const sentence = away
    ? 'Its database does not answer: start it with "npm start" in another terminal, then try again.'
    : error.message;
  process.stderr.write(`The password was not reset. ${sentence}\n`);
  process.exit(1);
});
