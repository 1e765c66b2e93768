// One player at a time; going from a row's original to its binaural rendering (or back) keeps the place in the sound.
(function () {
  "use strict";
  document.addEventListener("play", function (event) {
    var playing = event.target;
    document.querySelectorAll("audio").forEach(function (other) {
      if (other === playing || other.paused) return;
      other.pause();
      var sameRow = other.closest(".card") === playing.closest(".card");
      if (sameRow && other.currentTime < playing.duration) playing.currentTime = other.currentTime;
    });
  }, true);
})();
