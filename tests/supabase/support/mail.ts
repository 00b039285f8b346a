// Stands for the mail API in the tests of usage-alert: keeps the mails, sends one per Idempotency-Key as
// Resend does, and can fail or wait on demand.
import { setting } from "./stack.ts";

export interface Mail {
  key: string | null;
  authorization: string | null;
  from: string;
  to: string;
  subject: string;
  text: string;
}

export class MailServer implements AsyncDisposable {
  /** Every request, also of a mail that was sent before, or that failed. */
  readonly asked: Mail[] = [];
  /** The mails that were sent. */
  readonly sent: Mail[] = [];
  /** The answer instead of sending it. */
  failure?: (mail: Mail) => Response | undefined;
  /** Must resolve before the API answers. */
  gate: Promise<void> = Promise.resolve();

  private readonly closing = new AbortController();
  private readonly server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: Number(setting("MAIL_API_PORT")),
      signal: this.closing.signal,
      onListen: () => {},
    },
    async (request) => {
      const { headers } = request;
      const mail: Mail = {
        key: headers.get("Idempotency-Key"),
        authorization: headers.get("Authorization"),
        ...await request.json(),
      };
      this.asked.push(mail);
      await this.gate;
      const failure = this.failure?.(mail);
      if (failure) return failure;
      if (!this.sent.some(({ key }) => key !== null && key === mail.key)) this.sent.push(mail);
      return Response.json({ id: crypto.randomUUID() });
    },
  );

  async [Symbol.asyncDispose]() {
    // Do not wait for requests that a failed test has left waiting.
    this.closing.abort();
    await this.server.finished;
  }
}
