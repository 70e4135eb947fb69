-- The hub's users of the demo: alice, bob, carol and dave, of whom README and tests speak, and 400 others whom
-- the demo realms know as user-001 to user-400. Names are written family name first. Running it twice changes
-- nothing.
INSERT INTO hub.user_account (id, username, name)
VALUES ('alice', 'alice', 'Alföldi Aliz'),
       ('bob', 'bob', 'Bokros Boldizsár'),
       ('carol', 'carol', 'Csáky Karola'),
       ('dave', 'dave', 'Dévényi Dávid')
    ON CONFLICT DO NOTHING;

WITH names AS (
    SELECT string_to_array(
               'Ács,Árvai,Bakó,Balogh,Barta,Bíró,Bodnár,Cégényi,Czakó,Cseh,Csizmadia,Csorba,Deák,Dezső,Dzsida,'
               'Erdős,Éles,Faragó,Farkas,Fekete,Gál,Gyenes,Győri,Hajdú,Halász,Horváth,Illés,Írisz,Jakab,Juhász,'
               'Katona,Kecskés,Király,Lakatos,Lengyel,Lyócsa,Magyar,Mészáros,Molnár,Nagy,Németh,Nyíri,Oláh,Orbán,'
               'Ökrös,Őri,Pásztor,Pintér,Rácz,Sándor,Simon,Szabó,Székely,Takács,Tóth,Tyukodi,Ujvári,Úrfi,Ürmös,'
               'Űrhegyi,Varga,Vörös,Zelenka,Zsoldos', ',') AS family,
           string_to_array(
               'Ádám,Ágnes,András,Anna,Áron,Balázs,Bence,Boglárka,Botond,Csaba,Csilla,Dániel,Dorottya,Elemér,'
               'Emese,Éva,Ferenc,Gábor,Gergő,Gyöngyi,György,Hanna,Ibolya,Imre,Ízisz,János,Júlia,Kata,Kristóf,'
               'Lajos,Lilla,Luca,Márton,Nóra,Olga,Ödön,Örs,Pál,Péter,Réka,Sára,Szabolcs,Szilvia,Tamás,Tünde,Ünige,'
               'Vilmos,Virág,Zita,Zoltán,Zsófia,Zsolt,Zsuzsanna', ',') AS given
)
INSERT INTO hub.user_account (id, username, name)
SELECT format('user-%s', to_char(n, 'FM000')), format('user-%s', to_char(n, 'FM000')),
       family[1 + n * 17 % array_length(family, 1)] || ' ' || given[1 + n * 29 % array_length(given, 1)]
  FROM names, generate_series(1, 400) AS n
    ON CONFLICT DO NOTHING;
