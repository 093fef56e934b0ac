// A page holds each figure once, for one of over 1.4 MB does not open inside the report: its download takes what is shown.
for (const link of document.querySelectorAll("[data-figure]"))
  link.href = document.getElementById(link.dataset.figure).src;
