// Supabase Realtime for one page, at the network's edge: the local stack has none. It speaks what the page's
// client needs: joining, heartbeats, and announcing changes.
import type { Page, WebSocketRoute } from "@playwright/test";

interface Change {
  id: number;
  event: string;
  schema: string;
  table: string;
  filter: string;
}

interface Joined {
  socket: WebSocketRoute;
  topic: string;
  changes: Change[];
}

export async function realtime(page: Page) {
  const { promise: joined, resolve } = Promise.withResolvers<Joined>();
  await page.routeWebSocket("**/realtime/v1/websocket**", (socket) => {
    socket.onMessage((message) => {
      const [join_ref, ref, topic, event, payload] = JSON.parse(String(message));
      const send = (event: string, payload: unknown) =>
        socket.send(JSON.stringify([join_ref, ref, topic, event, payload]));
      if (event !== "phx_join") return send("phx_reply", { status: "ok", response: {} });
      const changes: Change[] = payload.config.postgres_changes.map((wanted: Change, place: number) => ({
        ...wanted,
        id: place + 1,
      }));
      send("phx_reply", { status: "ok", response: { postgres_changes: changes } });
      send("system", {
        extension: "postgres_changes",
        status: "ok",
        channel: topic,
        message: "Subscribed to PostgreSQL",
      });
      resolve({ socket, topic, changes });
    });
  });
  return {
    joined,
    /** Tells the page that a row of a table has changed. */
    announce: async (table: string) => {
      const { socket, topic, changes } = await joined;
      const { id, schema } = changes.find((change) => change.table === table)!;
      const data = {
        schema,
        table,
        type: "UPDATE",
        commit_timestamp: new Date().toISOString(),
        columns: [],
        record: {},
        errors: null,
      };
      socket.send(JSON.stringify([null, null, topic, "postgres_changes", { ids: [id], data }]));
    },
  };
}
