//! Everyday facts: opposites, kinds, colours, animals, the calendar.

use super::Fact;

pub(super) const FACTS: &[Fact] = &[
    Fact {
        name: "opposite",
        family: "opposites",
        object: "word",
        source: OPPOSITES,
        columns: (0, 1),
        phrases: "=the opposite of {} / =the reverse in meaning of {} / =a word that means the opposite of {}
            / turn {} into its opposite / =the antonym of {} / say the opposite of {} / change {} to its opposite",
        sentences: &["The opposite of K is V.", "K is the opposite of V.", "It is not K, it is V."],
    },
    Fact {
        name: "kind",
        family: "kinds",
        object: "thing",
        source: KINDS,
        columns: (0, 1),
        phrases: "say which kind of thing {} is / tell me what kind of thing {} is
        / say what kind of thing {} is / =the category of {}
            / =the group {} belongs to / name the group of {} / ?what kind of thing is {} / =the class of {}",
        sentences: &["K is a kind of V.", "The kind of K is V.", "A word for K and the like is V."],
    },
    Fact {
        name: "colour",
        family: "colours",
        object: "thing",
        source: COLOURS,
        columns: (0, 1),
        phrases: "=the colour of {} / =the usual colour of {} / say what colour {} is / name the colour of {}
            / ?what colour is {} / ={}'s colour / tell me the colour of {}",
        sentences: &["The colour of K is V.", "K is V.", "The usual colour of K is V."],
    },
    Fact {
        name: "sound",
        family: "sounds",
        object: "animal",
        source: ANIMALS,
        columns: (0, 1),
        phrases: "=the sound of {} / =the sound that {} makes / say what {} says / ?what does {} say
            / ={}'s sound / =the noise of {} / make the sound of {}",
        sentences: &["The K says V.", "The sound of the K is V.", "Every K makes the sound V."],
    },
    Fact {
        name: "young_animal",
        family: "young",
        object: "animal",
        source: ANIMALS,
        columns: (0, 2),
        phrases: "=the young of {} / =the name of {}'s young / =the word for a young one of {} / name the young of {}
            / =the baby of {} / ?what is a young one of {} called / say what the young of {} is called",
        sentences: &["The young of the K is the V.", "A young K is called a V.", "The V is the young of the K."],
    },
    Fact {
        name: "day_after",
        family: "calendar",
        object: "day",
        source: DAYS,
        columns: (0, 1),
        phrases: "=the day after {} / =the next day after {} / say which day comes after {} / =the day that follows {}
            / ?which day comes after {}",
        sentences: &["The day after K is V.", "After K comes V.", "K is followed by V."],
    },
    Fact {
        name: "day_before",
        family: "calendar",
        object: "day",
        source: DAYS,
        columns: (1, 0),
        phrases: "=the day before {} / =the previous day to {} / say which day comes before {}
            / =the day that precedes {} / ?which day comes before {}",
        sentences: &["The day before K is V.", "Before K comes V."],
    },
    Fact {
        name: "month_after",
        family: "calendar",
        object: "month",
        source: MONTHS,
        columns: (0, 1),
        phrases: "=the month after {} / =the next month after {} / say which month comes after {}
            / =the month that follows {} / ?which month comes after {}",
        sentences: &["The month after K is V.", "After K comes V.", "K is followed by V."],
    },
    Fact {
        name: "month_before",
        family: "calendar",
        object: "month",
        source: MONTHS,
        columns: (1, 0),
        phrases: "=the month before {} / =the previous month to {} / say which month comes before {}
            / =the month that precedes {} / ?which month comes before {}",
        sentences: &["The month before K is V.", "Before K comes V."],
    },
];

const OPPOSITES: &str = "
hot=cold, cold=hot, big=small, small=big, tall=short, old=new, new=old, fast=slow, slow=fast, good=bad, bad=good,
happy=sad, sad=happy, up=down, down=up, in=out, out=in, left=right, right=left, on=off, off=on, open=closed,
closed=open, full=empty, empty=full, light=dark, dark=light, day=night, night=day, black=white, white=black, wet=dry,
dry=wet, hard=soft, soft=hard, heavy=light, rich=poor, poor=rich, strong=weak, weak=strong, high=low, low=high,
long=short, near=far, far=near, early=late, late=early, first=last, last=first, love=hate, hate=love, true=false,
false=true, yes=no, no=yes, clean=dirty, dirty=clean, loud=quiet, quiet=loud, thick=thin, thin=thick, wide=narrow,
narrow=wide, deep=shallow, smooth=rough, rough=smooth, sharp=blunt, young=old, alive=dead, dead=alive, begin=end,
end=begin, win=lose, lose=win, buy=sell, sell=buy, push=pull, pull=push, give=take, take=give, come=go, go=come,
sit=stand, stand=sit, laugh=cry, cry=laugh, start=stop, stop=start, north=south, south=north, east=west, west=east,
above=below, below=above, before=after, after=before, inside=outside, outside=inside, front=back, back=front,
top=bottom, bottom=top, easy=hard, brave=scared, kind=cruel, cruel=kind, wild=tame, tame=wild, always=never,
never=always, more=less, less=more, many=few, few=many, all=none, none=all, friend=enemy, enemy=friend, peace=war,
war=peace, summer=winter, winter=summer, king=queen, asleep=awake, awake=asleep, safe=unsafe, sweet=sour, sour=sweet
";

const KINDS: &str = "
cat=animal, dog=animal, horse=animal, cow=animal, pig=animal, sheep=animal, lion=animal, tiger=animal, bear=animal,
wolf=animal, fox=animal, rabbit=animal, mouse=animal, monkey=animal, zebra=animal, camel=animal, goat=animal,
eagle=bird, owl=bird, robin=bird, crow=bird, duck=bird, swan=bird, parrot=bird, hawk=bird, raven=bird, pigeon=bird,
salmon=fish, trout=fish, tuna=fish, cod=fish, shark=fish, herring=fish, ant=insect, bee=insect, wasp=insect,
beetle=insect, moth=insect, cricket=insect, apple=fruit, pear=fruit, banana=fruit, cherry=fruit, grape=fruit,
lemon=fruit, melon=fruit, peach=fruit, plum=fruit, mango=fruit, carrot=vegetable, onion=vegetable, cabbage=vegetable,
potato=vegetable, spinach=vegetable, leek=vegetable, turnip=vegetable, rose=flower, tulip=flower, daisy=flower,
lily=flower, violet=flower, poppy=flower, oak=tree, pine=tree, maple=tree, birch=tree, willow=tree, elm=tree,
ash=tree,
iron=metal, gold=metal, silver=metal, copper=metal, tin=metal, lead=metal, zinc=metal, red=colour, blue=colour,
green=colour, yellow=colour, purple=colour, brown=colour, pink=colour, shirt=clothing, coat=clothing, dress=clothing,
skirt=clothing, sock=clothing, jacket=clothing, hammer=tool, saw=tool, drill=tool, spade=tool, rake=tool, axe=tool,
chair=furniture, table=furniture, bed=furniture, sofa=furniture, desk=furniture, shelf=furniture, piano=instrument,
violin=instrument, guitar=instrument, flute=instrument, drum=instrument, trumpet=instrument, harp=instrument,
water=drink, milk=drink, tea=drink, coffee=drink, juice=drink, wine=drink, car=vehicle, bus=vehicle, truck=vehicle,
train=vehicle, bike=vehicle, van=vehicle, football=sport, tennis=sport, golf=sport, hockey=sport, rugby=sport,
teacher=job, doctor=job, farmer=job, baker=job, nurse=job, pilot=job, arm=body part, leg=body part, nose=body part,
knee=body part, ear=body part, finger=body part, Paris=city, London=city, Rome=city, Berlin=city, Tokyo=city,
Madrid=city, France=country, Spain=country, Italy=country, Japan=country, Egypt=country, Peru=country, Monday=day,
Friday=day, Sunday=day, Tuesday=day, May=month, June=month, April=month, March=month, Mars=planet, Venus=planet,
Saturn=planet, Neptune=planet, five=number, seven=number, two=number, ten=number, square=shape, circle=shape,
triangle=shape, football boot=shoe, sandal=shoe, slipper=shoe
";

const COLOURS: &str = "
grass=green, sky=blue, snow=white, coal=black, blood=red, banana=yellow, lemon=yellow, carrot=orange, tomato=red,
milk=white, chocolate=brown, leaf=green, frog=green, sun=yellow, night=black, rose=red, cherry=red, strawberry=red,
spinach=green, cucumber=green, pea=green, lettuce=green, broccoli=green, lime=green, emerald=green, pumpkin=orange,
corn=yellow, butter=yellow, duckling=yellow, canary=yellow, sunflower=yellow, daffodil=yellow, cotton=white,
salt=white,
sugar=white, flour=white, swan=white, paper=white, tooth=white, chalk=white, egg=white, rice=white, crow=black,
raven=black, tar=black, ink=black, soot=black, tyre=black, panther=black, ruby=red, brick=red, raspberry=red,
poppy=red, ladybird=red, fire engine=red, lobster=red, lavender=purple, plum=purple, violet=purple, aubergine=purple,
amethyst=purple, sea=blue, sapphire=blue, blueberry=blue, jeans=blue, bear=brown, wood=brown, coffee=brown, mud=brown,
chestnut=brown, walnut=brown, flamingo=pink, pig=pink, elephant=grey, ash=grey, mouse=grey, donkey=grey, storm=grey,
stone=grey, tangerine=orange, salmon=pink, dolphin=grey
";

/// Animal, sound, young.
const ANIMALS: &str = "
dog=woof=puppy, cat=meow=kitten, cow=moo=calf, sheep=baa=lamb, pig=oink=piglet, horse=neigh=foal, duck=quack=duckling,
hen=cluck=chick, goose=honk=gosling, goat=bleat=kid, lion=roar=cub, bear=growl=cub, wolf=howl=cub, fox=yap=cub,
tiger=snarl=cub, frog=croak=tadpole, owl=hoot=owlet, eagle=screech=eaglet, swan=-=cygnet, deer=-=fawn,
kangaroo=-=joey, rabbit=-=kit, seal=bark=pup, whale=-=calf, elephant=trumpet=calf, hare=-=leveret, pigeon=coo=squab,
bee=buzz=larva, snake=hiss=snakelet, mouse=squeak=pup, crow=caw=chick, turkey=gobble=poult, donkey=bray=foal,
rooster=crow=chick, bird=tweet=chick, monkey=chatter=infant, dove=coo=squab, fly=buzz=maggot, parrot=squawk=chick,
zebra=-=foal, camel=grunt=calf, giraffe=hum=calf, cricket=chirp=nymph, sparrow=chirp=chick, hyena=laugh=cub,
lark=sing=chick, rat=squeak=pup, bat=squeak=pup, hippo=grunt=calf, ram=baa=lamb, bull=moo=calf, chick=cheep=-,
puppy=yip=-, kitten=mew=-, lamb=baa=-, calf=moo=-, mosquito=buzz=-, wasp=buzz=-, butterfly=-=caterpillar,
raven=croak=chick, gull=squawk=chick, otter=-=pup, shark=-=pup, leopard=roar=cub, panda=-=cub, beaver=-=kit,
hedgehog=-=hoglet, spider=-=spiderling, salmon=-=parr, eel=-=elver, moose=-=calf, antelope=-=calf, llama=hum=cria
";

const DAYS: &str = "
Monday=Tuesday, Tuesday=Wednesday, Wednesday=Thursday, Thursday=Friday, Friday=Saturday, Saturday=Sunday,
Sunday=Monday
";

const MONTHS: &str = "
January=February, February=March, March=April, April=May, May=June, June=July, July=August, August=September,
September=October, October=November, November=December, December=January
";
