// Evaluates expressions of GitHub Actions: reads {"contexts": {...}, "failed": boolean, "texts": [...]}, prints the texts
// with each ${{ ... }} replaced.
import { readFileSync } from "node:fs";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";

const { contexts, failed, texts } = JSON.parse(readFileSync(0, "utf8"));
const status = { success: !failed, failure: failed, always: true };
const functions = Object.entries(status).map(([name, value]) => ({
  name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value),
}));
const context = JSON.parse(JSON.stringify(contexts), data.reviver);
const evaluate = (text) => {
  const parsed = new Parser(new Lexer(text).lex().tokens, Object.keys(contexts), functions).parse();
  return new Evaluator(parsed, context, new Map(functions.map((one) => [one.name, one]))).evaluate().coerceString();
};
console.log(JSON.stringify(texts.map((text) => text.replace(/\$\{\{(.*?)\}\}/gs, (_, inner) => evaluate(inner)))));
