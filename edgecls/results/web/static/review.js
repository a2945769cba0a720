// Keyboard shortcuts for the buttons, which also work without this file.
"use strict";

let sent = false;

function send(button) {
  if (button && !sent) button.click();
}

document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault(); // one review per picture, however fast the keys are pressed
  sent = true;
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = event.target.closest("input, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  const focused = event.target.matches(":focus-visible") && event.target.closest("a, button, summary");
  let handled = true;
  if (event.key === "Enter" || event.key === " ") {
    if (focused) return; // with the tab key, Enter presses the focused button
    send(document.querySelector("button[data-key=Enter]"));
  } else if (event.key === "Backspace") send(document.querySelector("#undo button"));
  else if (event.key === "ArrowRight") document.querySelector("#skip")?.click();
  else if (event.key === "ArrowLeft") history.back();
  else if (event.key === "/") document.querySelector(".other input[name=label]")?.focus();
  else {
    const key = event.key.toLowerCase();
    const button = [...document.querySelectorAll("button[data-key]")].find((each) => each.dataset.key === key);
    if (button) send(button);
    else handled = false;
  }
  if (handled) event.preventDefault();
});

// A page that the back button shows again can be submitted again.
window.addEventListener("pageshow", () => {
  sent = false;
});

const next = document.querySelector("[data-next]");
if (next) new Image().src = next.dataset.next;
