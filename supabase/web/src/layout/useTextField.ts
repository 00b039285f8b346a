// A text that somebody writes for a model: the edge functions take 1 to 4,000 characters.
import { useState } from "react";

const MAX = 4000;

export function useTextField(emptyProblem: string) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();
  return {
    text,
    problem,
    setText: (next: string) => {
      setText(next);
      setProblem(undefined);
    },
    /** Whether the text can be sent; if not, says why. */
    check: () => {
      const length = text.trim().length;
      const found = length === 0 ? emptyProblem : length > MAX ? tooLong(length) : undefined;
      setProblem(found);
      return found === undefined;
    },
  };
}

const tooLong = (length: number) =>
  `This is too long: ${length.toLocaleString()} characters, and at most ${MAX.toLocaleString()} are possible.`;
