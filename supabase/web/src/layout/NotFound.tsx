// What is shown at an address that has no page.
import { Anchor, Text, Title } from "@mantine/core";
import { Link } from "react-router";

export const NotFound = () => (
  <>
    <Title order={1} size="h2">There is no such page</Title>
    <Text mt="sm">
      <Anchor component={Link} to="/">Go to your usage</Anchor>
    </Text>
  </>
);
