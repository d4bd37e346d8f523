const greetings = {
  en: "It runs.",
  de: "Es läuft.",
  fr: "Ça marche.",
  es: "Funciona.",
  ja: "動いています。",
};

function greeting(language) {
  return greetings[language.slice(0, 2)] ?? greetings.en;
}

document.documentElement.lang = navigator.language;
document.getElementById("greeting").textContent = greeting(navigator.language);
