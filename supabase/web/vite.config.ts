import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  const settings = loadEnv(mode, import.meta.dirname, "VITE_");
  for (const name of ["VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY"]) {
    if (!settings[name]) {
      throw new Error(`${name} is not set: put it into supabase/web/.env, see .env.example`);
    }
  }
  return {
    plugins: [react()],
    // The shapes of the database's answers are shared with the edge functions, which have no node_modules.
    resolve: { dedupe: ["zod"] },
    build: { chunkSizeWarningLimit: 1500 },
  };
});
