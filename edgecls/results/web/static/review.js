// Keys for what the buttons do; without this file the buttons do it all the same.
"use strict";

let sent = false;

function send(button) {
  if (button && !sent) button.click();
}

document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault(); // one answer a picture, however fast the fingers are
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
  let found = true;
  if (event.key === "Enter" || event.key === " ") {
    if (focused) return; // whoever walks with the tab key presses the button that is marked
    send(document.querySelector("button[data-key=Enter]"));
  } else if (event.key === "Backspace") send(document.querySelector("#undo button"));
  else if (event.key === "ArrowRight") document.querySelector("#skip")?.click();
  else if (event.key === "ArrowLeft") history.back();
  else if (event.key === "/") document.querySelector(".other input[name=label]")?.focus();
  else {
    const key = event.key.toLowerCase();
    const button = [...document.querySelectorAll("button[data-key]")].find((each) => each.dataset.key === key);
    if (button) send(button);
    else found = false;
  }
  if (found) event.preventDefault();
});

// Shown again by the back button, the page may be answered again.
window.addEventListener("pageshow", () => {
  sent = false;
});

const next = document.querySelector("[data-next]");
if (next) new Image().src = next.dataset.next;
