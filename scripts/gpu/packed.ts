/** The program of the pack: `npm run gpu` without a checkout. */

import { runCommand } from "../harness/arguments.ts";
import { choiceFromArguments } from "./choice.ts";
import { measureGpu } from "./measure.ts";

runCommand(async () => measureGpu(choiceFromArguments(process.argv.slice(2))));
