// What a signed-in user sees. What is being made, and what was said, stays while they look at another page.
import { useState } from "react";
import { Route, Routes } from "react-router";
import { useAlerts } from "./alerts/useAlerts.ts";
import { useChat } from "./chat/useChat.ts";
import { useImage } from "./images/useImage.ts";
import { NotFound } from "./layout/NotFound.tsx";
import { Shell } from "./layout/Shell.tsx";
import { OperatorPage } from "./operator/OperatorPage.tsx";
import { PlansPage } from "./plans/PlansPage.tsx";
import { useUser } from "./session/useSession.tsx";
import { UsagePage } from "./usage/UsagePage.tsx";

export function SignedIn() {
  const { id } = useUser();
  const [chatId] = useState(() => crypto.randomUUID());
  const image = useImage(id, chatId);
  const chat = useChat(id, chatId);
  useAlerts(id);
  return (
    <Shell>
      <Routes>
        <Route path="/" element={<UsagePage image={image} chat={chat} />} />
        <Route path="/plans" element={<PlansPage />} />
        <Route path="/operator" element={<OperatorPage />} />
        <Route path="*" element={<NotFound />} />
      </Routes>
    </Shell>
  );
}
