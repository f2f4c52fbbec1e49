// The page's keys outside the matrix: / searches, ? lists the keys, Escape closes.

const FIELDS = "input, select, textarea";

const ARROWS = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);

/** onEscape(): nothing nearer wanted it. onDown(): from the search into the matrix. onArrow(): the
 * same by an arrow while nothing has the focus. */
export function listenToKeys({ search, dialog, onEscape, onDown, onArrow }) {
  document.getElementById("show-keys").addEventListener("click", () => dialog.showModal());
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      onDown();
    }
    if (event.key === "Escape" && search.value !== "") {
      event.preventDefault();
      event.stopPropagation();
      search.value = "";
      search.dispatchEvent(new Event("input"));
    }
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || dialog.open) return;
    if (event.key === "Escape") onEscape();
    if (event.target.matches?.(FIELDS)) return;
    if (ARROWS.has(event.key) && event.target === document.body) {
      event.preventDefault();
      onArrow();
    }
    if (event.key === "/") {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "?") dialog.showModal();
  });
}
