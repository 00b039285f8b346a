// Clients that each wait for an answer before their next call.

/** Prints the calls per second that clients make, for users at random. */
export async function measure(
  make: (user: string) => Promise<void>,
  users: number,
  clients: number,
  seconds: number,
): Promise<void> {
  await makeAll(Date.now() + 300); // Connects, and prepares statements.
  const begun = performance.now();
  const calls = await makeAll(Date.now() + 1000 * seconds);
  console.log((1000 * calls) / (performance.now() - begun));

  async function makeAll(end: number): Promise<number> {
    const numbers = await Promise.all(Array.from({ length: clients }, async () => {
      let number = 0;
      for (; Date.now() < end; number++) await make(String(Math.floor(Math.random() * users)));
      return number;
    }));
    return numbers.reduce((sum, number) => sum + number, 0);
  }
}
