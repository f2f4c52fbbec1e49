// A page that has nothing live of its own but its head.

import { Shell } from "./shell.js";

new Shell().start();
