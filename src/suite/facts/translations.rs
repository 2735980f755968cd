//! Words in French, Spanish and German, those that need no accents.

use super::Fact;

pub(super) const FACTS: &[Fact] = &[
    Fact {
        name: "french",
        family: "french",
        object: "word",
        source: WORDS,
        columns: (0, 1),
        phrases: "translate {} into French / say {} in French / write {} in French / put {} into French
            / =the French word for {} / =the French for {} / turn {} into French / ?how do you say {} in French",
        sentences: &["K in French is V.", "The French word for K is V.", "In French, K is V."],
    },
    Fact {
        name: "spanish",
        family: "spanish",
        object: "word",
        source: WORDS,
        columns: (0, 2),
        phrases: "translate {} into Spanish / say {} in Spanish / write {} in Spanish / put {} into Spanish
            / =the Spanish word for {} / =the Spanish for {} / turn {} into Spanish / ?how do you say {} in Spanish",
        sentences: &["K in Spanish is V.", "The Spanish word for K is V.", "In Spanish, K is V."],
    },
    Fact {
        name: "german",
        family: "german",
        object: "word",
        source: WORDS,
        columns: (0, 3),
        phrases: "translate {} into German / say {} in German / write {} in German / put {} into German
            / =the German word for {} / =the German for {} / turn {} into German / ?how do you say {} in German",
        sentences: &["K in German is V.", "The German word for K is V.", "In German, K is V."],
    },
];

/// English, French, Spanish, German.
const WORDS: &str = "
cat=chat=gato=katze, dog=chien=perro=hund, horse=cheval=caballo=pferd, cow=vache=vaca=kuh, bird=oiseau=-=vogel,
fish=poisson=pez=fisch, sheep=mouton=oveja=schaf, pig=cochon=cerdo=schwein, bear=ours=oso=-, wolf=loup=lobo=-,
lion=-=-=-, house=maison=casa=haus, door=porte=puerta=-, window=-=ventana=fenster, table=-=mesa=tisch,
chair=chaise=silla=stuhl, bed=lit=cama=bett, kitchen=cuisine=cocina=-, garden=jardin=-=garten, tree=arbre=-=baum,
flower=fleur=flor=blume, leaf=feuille=hoja=blatt, grass=herbe=hierba=-, forest=-=bosque=wald,
mountain=montagne=-=berg, sea=mer=mar=meer, lake=lac=lago=see, island=-=isla=insel, sun=soleil=sol=sonne,
moon=lune=luna=mond, star=-=estrella=stern, sky=ciel=cielo=himmel, rain=pluie=lluvia=regen, snow=neige=nieve=schnee,
wind=vent=viento=-, fire=feu=fuego=feuer, water=eau=agua=wasser, bread=pain=pan=brot, milk=lait=leche=milch,
cheese=fromage=queso=-, egg=oeuf=huevo=ei, apple=pomme=manzana=apfel, pear=poire=pera=birne, lemon=citron=-=zitrone,
salt=sel=sal=salz, sugar=sucre=-=zucker, butter=beurre=mantequilla=-, wine=vin=vino=wein, tea=-=-=tee,
meat=viande=carne=fleisch, soup=soupe=sopa=suppe, rice=riz=arroz=reis, cake=-=-=kuchen, hand=main=mano=-,
head=-=cabeza=kopf, eye=oeil=ojo=auge, nose=nez=nariz=nase, mouth=bouche=boca=mund, ear=oreille=oreja=ohr,
foot=pied=pie=-, leg=jambe=pierna=bein, arm=bras=brazo=-, heart=coeur=-=herz, hair=cheveux=pelo=haar,
man=homme=hombre=mann, woman=femme=mujer=frau, child=enfant=-=kind, father=-=padre=vater, mother=-=madre=mutter,
brother=-=hermano=bruder, sister=soeur=hermana=schwester, friend=ami=amigo=freund, king=roi=rey=-,
queen=reine=reina=-, book=livre=libro=buch, paper=papier=papel=-, letter=lettre=carta=brief, pen=stylo=-=stift,
school=-=escuela=schule, church=-=iglesia=kirche, street=rue=calle=-, city=ville=ciudad=stadt, bridge=pont=puente=-,
car=voiture=coche=auto, train=-=tren=zug, ship=bateau=barco=schiff, key=-=llave=-, knife=couteau=cuchillo=messer,
bottle=bouteille=botella=flasche, glass=verre=vaso=glas, hat=chapeau=sombrero=hut, shoe=chaussure=zapato=schuh,
shirt=chemise=camisa=hemd, day=jour=-=tag, night=nuit=noche=nacht, week=semaine=semana=woche, month=mois=mes=monat,
summer=-=verano=sommer, winter=hiver=invierno=-, spring=printemps=primavera=-, red=rouge=rojo=rot,
blue=bleu=azul=blau,
green=vert=verde=-, yellow=jaune=amarillo=gelb, black=noir=negro=schwarz, white=blanc=blanco=-, big=grand=grande=-,
small=petit=-=klein, good=bon=bueno=gut, bad=mauvais=malo=-, new=nouveau=nuevo=neu, old=vieux=viejo=alt,
hot=chaud=caliente=-, cold=froid=-=kalt, one=un=uno=eins, two=deux=dos=zwei, three=trois=tres=drei,
four=quatre=cuatro=vier, five=cinq=cinco=-, six=-=seis=sechs, seven=sept=siete=sieben, eight=huit=ocho=acht,
nine=neuf=nueve=neun, ten=dix=diez=zehn, yes=oui=-=ja, love=amour=amor=liebe, time=temps=tiempo=zeit,
world=monde=mundo=welt, money=argent=dinero=geld, music=musique=-=musik, work=travail=trabajo=arbeit
";
