// Starts the page.
import "@mantine/core/styles.css";
import "@mantine/charts/styles.css";
import "@mantine/notifications/styles.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ErrorBoundary } from "react-error-boundary";
import { BrowserRouter } from "react-router";
import { z } from "zod";
import { App } from "./App.tsx";
import { Broken } from "./layout/Broken.tsx";
import { SessionProvider } from "./session/useSession.tsx";
import { cssVariables, theme } from "./theme.ts";

// Zod would compile its schemas with eval, which the Content-Security-Policy forbids.
z.config({ jitless: true });

// What fails is asked again by the next poll, or by a person.
const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: false },
    // Offline, fail at once, so that the page says so instead of waiting.
    mutations: { networkMode: "always" },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <Notifications position="top-center" />
      <QueryClientProvider client={queries}>
        <SessionProvider>
          <BrowserRouter>
            <ErrorBoundary FallbackComponent={Broken}>
              <App />
            </ErrorBoundary>
          </BrowserRouter>
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
