// Validates resources of the Prometheus operator, read as JSON from stdin, by its published schemas; prints what is wrong.
import { readFileSync } from "node:fs";
import * as models from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

for (const found of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    new models[found.kind](found).validate();
  } catch (error) {
    console.log(`${found.kind}: ${error.message}`);
  }
}
