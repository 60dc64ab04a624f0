// Says the card's brand while its number is typed. A comfort and nothing else: the form works without it, and no digit
// leaves the field here.

"use strict";

// The same first digits as services/sandbox/numbers.py knows (ISO/IEC 7812).
const BRANDS = [
  ["Visa", /^4/],
  ["Mastercard", /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/],
  ["American Express", /^3[47]/],
  ["Discover", /^(6011|64[4-9]|65)/],
  ["Diners Club", /^(30[0-5]|3[689])/],
  ["JCB", /^35/],
  ["UnionPay", /^62/],
];

const field = document.getElementById("number");
const shown = document.getElementById("brand");
const hint = document.getElementById("cvc-hint");

function tell() {
  const digits = field.value.replace(/[ -]/g, "");
  const known = BRANDS.find(([, prefix]) => prefix.test(digits));
  const name = known ? known[0] : "";
  if (shown.textContent === name) return;
  shown.textContent = name;
  if (hint) hint.textContent = name === "American Express" ? "4 digits, on the front" : name ? "3 digits, on the back" : "3 or 4 digits";
}

if (field && shown) {
  field.addEventListener("input", tell);
  tell();
}
