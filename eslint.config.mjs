// What `make check` holds the pages' modules to.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".pytest_cache/", ".venv/", "node_modules/", "var/"] },
  js.configs.recommended,
  {
    files: ["dashboard/static/**/*.js"],
    languageOptions: { sourceType: "module", globals: globals.browser },
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-lines": ["error", 300],
      "no-implicit-coercion": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
];
