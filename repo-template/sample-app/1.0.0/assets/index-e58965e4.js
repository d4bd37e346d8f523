const greetings = {
  en: "It runs.",
  de: "Es läuft.",
  fr: "Ça marche.",
};

function greeting(language) {
  return greetings[language.slice(0, 2)] ?? greetings.en;
}

document.getElementById("greeting").textContent = greeting(navigator.language);
