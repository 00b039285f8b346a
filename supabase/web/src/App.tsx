// Which page is shown: signing in, or the one at the address.
import { Route, Routes } from "react-router";
import { Shell } from "./layout/Shell.tsx";
import { NotFound } from "./layout/NotFound.tsx";
import { OperatorPage } from "./operator/OperatorPage.tsx";
import { PlansPage } from "./plans/PlansPage.tsx";
import { SignIn } from "./session/SignIn.tsx";
import { useSession } from "./session/useSession.tsx";
import { UsagePage } from "./usage/UsagePage.tsx";

export function App() {
  const { session } = useSession();
  // Reading the browser's storage takes no time worth showing.
  if (session === undefined) return null;
  if (session === null) return <SignIn />;
  return (
    <Shell key={session.user.id}>
      <Routes>
        <Route path="/" element={<UsagePage />} />
        <Route path="/plans" element={<PlansPage />} />
        <Route path="/operator" element={<OperatorPage />} />
        <Route path="*" element={<NotFound />} />
      </Routes>
    </Shell>
  );
}
