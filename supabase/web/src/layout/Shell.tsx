// What is around every page of a signed-in user: the name, the pages, and the user.
import {
  ActionIcon,
  Anchor,
  Box,
  Button,
  Container,
  Group,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { NavLink } from "react-router";
import { endSession } from "../server/endSession.ts";
import { useUser } from "../session/useSession.tsx";
import classes from "./Shell.module.css";

export function Shell({ children }: { children: ReactNode }) {
  const { email, isOperator } = useUser();
  return (
    <>
      <Anchor href="#content" className={classes.skip}>Skip to the content</Anchor>
      <Box component="header" className={classes.header}>
        <Container size="xl" className={classes.bar}>
          <Group component="nav" aria-label="Pages" gap={4} wrap="nowrap">
            <NavLink to="/" className={classes.link}>Usage</NavLink>
            <NavLink to="/plans" className={classes.link}>Plans</NavLink>
            {isOperator && <NavLink to="/operator" className={classes.link}>Operator</NavLink>}
          </Group>
          <Group gap="xs" wrap="nowrap" className={classes.user}>
            <Text size="sm" truncate>{email}</Text>
            <ColorScheme />
            <Button
              size="xs"
              variant="default"
              onClick={endSession}
              style={{ flexShrink: 0 }}
            >
              Sign out
            </Button>
          </Group>
        </Container>
      </Box>
      <Container component="main" id="content" size="xl" py="lg" tabIndex={-1}>{children}</Container>
    </>
  );
}

function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="default"
      size={30}
      aria-label={isDark ? "Use light colours" : "Use dark colours"}
      onClick={() => setColorScheme(isDark ? "light" : "dark")}
    >
      {isDark ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
    </ActionIcon>
  );
}
