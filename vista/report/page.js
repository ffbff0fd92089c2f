// Seeks the video to a subtask; the page is whole without it.
const video = document.querySelector("video");
for (const button of document.querySelectorAll("[data-seek]")) {
  button.addEventListener("click", () => {
    if (!video) return;
    video.currentTime = Number(button.dataset.seek);
    video.scrollIntoView({ behavior: "smooth", block: "center" });
    video.play();
  });
}
