//! Forms of words: past tenses, -ing forms, plurals, comparatives.

use super::Fact;

pub(super) const FACTS: &[Fact] = &[
    Fact {
        name: "past_tense",
        family: "past_tense",
        object: "verb",
        source: VERBS,
        columns: (0, 1),
        phrases: "=the past tense of {} / =the past form of {} / put {} in the past tense
        / turn {} into the past tense
            / write {} in the past tense / change {} to the past tense / =the simple past of {}",
        sentences: &["The past tense of K is V.", "Today I K, yesterday I V.", "V is the past tense of K."],
    },
    Fact {
        name: "ing_form",
        family: "ing_forms",
        object: "verb",
        source: VERBS,
        columns: (0, 2),
        phrases: "=the ing form of {} / put {} in the ing form / turn {} into its ing form / =the -ing form of {}
            / write {} in the ing form / change {} to the ing form / =the present participle of {}",
        sentences: &["The ing form of K is V.", "I K now, so I am V.", "V is the ing form of K."],
    },
    Fact {
        name: "base_form",
        family: "past_tense",
        object: "past form",
        source: VERBS,
        columns: (1, 0),
        phrases: "=the base form of {} / =the present tense of {} / =the infinitive of {}
        / put {} in the present tense
            / turn {} into the present tense / change {} to the present tense / undo the past tense of {}",
        sentences: &["The base form of K is V.", "K comes from the verb V."],
    },
    Fact {
        name: "plural",
        family: "plurals",
        object: "word",
        source: PLURALS,
        columns: (0, 1),
        phrases: "=the plural of {} / =the plural form of {} / make {} plural / turn {} into its plural
            / put {} in the plural / change {} to the plural / ={} in the plural",
        sentences: &["The plural of K is V.", "One K, two V.", "V is the plural of K."],
    },
    Fact {
        name: "singular",
        family: "plurals",
        object: "plural",
        source: PLURALS,
        columns: (1, 0),
        phrases: "=the singular of {} / =the singular form of {} / make {} singular / turn {} into a singular
            / =the word for one of {} / change {} to the singular / put {} in the singular",
        sentences: &["The singular of K is V.", "Many K, one V."],
    },
    Fact {
        name: "comparative",
        family: "comparatives",
        object: "adjective",
        source: ADJECTIVES,
        columns: (0, 1),
        phrases: "=the comparative of {} / =the comparative form of {} / put {} in the comparative
            / turn {} into its comparative / change {} to the comparative / make {} a comparative",
        sentences: &["The comparative of K is V.", "This is K, but that is V."],
    },
    Fact {
        name: "superlative",
        family: "comparatives",
        object: "adjective",
        source: ADJECTIVES,
        columns: (0, 2),
        phrases: "=the superlative of {} / =the superlative form of {} / =the highest degree of {}
            / put {} in the superlative / turn {} into its superlative / make {} a superlative",
        sentences: &["The superlative of K is V.", "It is K; of all, it is the V."],
    },
];

const VERBS: &str = "
go=went=going, see=saw=seeing, eat=ate=eating, drink=drank=drinking, run=ran=running, swim=swam=swimming,
sing=sang=singing, sit=sat=sitting, give=gave=giving, take=took=taking, make=made=making, come=came=coming,
write=wrote=writing, ride=rode=riding, drive=drove=driving, break=broke=breaking, speak=spoke=speaking,
steal=stole=stealing, wake=woke=waking, choose=chose=choosing, freeze=froze=freezing, know=knew=knowing,
grow=grew=growing, throw=threw=throwing, blow=blew=blowing, fly=flew=flying, draw=drew=drawing, fall=fell=falling,
feel=felt=feeling, keep=kept=keeping, sleep=slept=sleeping, sweep=swept=sweeping, leave=left=leaving,
meet=met=meeting,
feed=fed=feeding, lead=led=leading, find=found=finding, hold=held=holding, stand=stood=standing, tell=told=telling,
sell=sold=selling, say=said=saying, pay=paid=paying, buy=bought=buying, bring=brought=bringing,
think=thought=thinking,
catch=caught=catching, teach=taught=teaching, fight=fought=fighting, build=built=building, send=sent=sending,
spend=spent=spending, lend=lent=lending, lose=lost=losing, win=won=winning, begin=began=beginning, dig=dug=digging,
hang=hung=hanging, get=got=getting, forget=forgot=forgetting, hide=hid=hiding, bite=bit=biting, shake=shook=shaking,
wear=wore=wearing, tear=tore=tearing, hear=heard=hearing, do=did=doing, have=had=having, become=became=becoming,
shine=shone=shining, shoot=shot=shooting, walk=walked=walking, talk=talked=talking, jump=jumped=jumping,
play=played=playing, look=looked=looking, help=helped=helping, open=opened=opening, close=closed=closing,
love=loved=loving, like=liked=liking, live=lived=living, move=moved=moving, dance=danced=dancing,
smile=smiled=smiling,
laugh=laughed=laughing, cook=cooked=cooking, clean=cleaned=cleaning, wash=washed=washing, paint=painted=painting,
work=worked=working, wait=waited=waiting, want=wanted=wanting, need=needed=needing, start=started=starting,
stop=stopped=stopping, plan=planned=planning, drop=dropped=dropping, hop=hopped=hopping, cry=cried=crying,
try=tried=trying, carry=carried=carrying, study=studied=studying, hurry=hurried=hurrying, call=called=calling,
ask=asked=asking, use=used=using, bake=baked=baking, hope=hoped=hoping, rain=rained=raining, visit=visited=visiting,
climb=climbed=climbing, pull=pulled=pulling, push=pushed=pushing, turn=turned=turning
";

const PLURALS: &str = "
cat=cats, dog=dogs, book=books, car=cars, tree=trees, hand=hands, door=doors, bird=birds, house=houses, horse=horses,
table=tables, chair=chairs, apple=apples, orange=oranges, flower=flowers, river=rivers, star=stars, song=songs,
king=kings, queen=queens, ship=ships, boat=boats, road=roads, cloud=clouds, shoe=shoes, hat=hats, cup=cups,
bottle=bottles, window=windows, garden=gardens, teacher=teachers, farmer=farmers, friend=friends, brother=brothers,
sister=sisters, boy=boys, girl=girls, day=days, key=keys, toy=toys, monkey=monkeys, donkey=donkeys, box=boxes,
fox=foxes, bus=buses, glass=glasses, dress=dresses, class=classes, kiss=kisses, dish=dishes, brush=brushes,
bush=bushes,
wish=wishes, church=churches, watch=watches, match=matches, beach=beaches, peach=peaches, lunch=lunches,
branch=branches, bench=benches, baby=babies, city=cities, lady=ladies, story=stories, party=parties, cherry=cherries,
berry=berries, puppy=puppies, pony=ponies, family=families, country=countries, fly=flies, army=armies, knife=knives,
wife=wives, life=lives, leaf=leaves, wolf=wolves, half=halves, shelf=shelves, thief=thieves, loaf=loaves, calf=calves,
man=men, woman=women, child=children, foot=feet, tooth=teeth, goose=geese, mouse=mice, ox=oxen, person=people,
potato=potatoes, tomato=tomatoes, hero=heroes, echo=echoes, piano=pianos, photo=photos, radio=radios, zoo=zoos,
roof=roofs, chief=chiefs, cow=cows, pig=pigs, bee=bees, egg=eggs, lamp=lamps, clock=clocks, pencil=pencils
";

const ADJECTIVES: &str = "
big=bigger=biggest, small=smaller=smallest, tall=taller=tallest, short=shorter=shortest, long=longer=longest,
old=older=oldest, young=younger=youngest, new=newer=newest, fast=faster=fastest, slow=slower=slowest,
hot=hotter=hottest, cold=colder=coldest, warm=warmer=warmest, cool=cooler=coolest, high=higher=highest,
low=lower=lowest,
deep=deeper=deepest, wide=wider=widest, thin=thinner=thinnest, thick=thicker=thickest, fat=fatter=fattest,
wet=wetter=wettest, sad=sadder=saddest, red=redder=reddest, nice=nicer=nicest, large=larger=largest,
safe=safer=safest,
late=later=latest, wise=wiser=wisest, brave=braver=bravest, happy=happier=happiest, easy=easier=easiest,
heavy=heavier=heaviest, early=earlier=earliest, dirty=dirtier=dirtiest, funny=funnier=funniest, busy=busier=busiest,
lazy=lazier=laziest, pretty=prettier=prettiest, angry=angrier=angriest, lucky=luckier=luckiest, dry=drier=driest,
strong=stronger=strongest, weak=weaker=weakest, rich=richer=richest, poor=poorer=poorest, clean=cleaner=cleanest,
dark=darker=darkest, bright=brighter=brightest, kind=kinder=kindest, loud=louder=loudest, quick=quicker=quickest,
sharp=sharper=sharpest, soft=softer=softest, hard=harder=hardest, sweet=sweeter=sweetest, good=better=best,
bad=worse=worst, far=farther=farthest, clever=cleverer=cleverest
";
