//! The words that the word tasks read: common English words, and pseudo-words that can be pronounced.

use std::sync::LazyLock;

use super::Part;
use crate::noise::{Noise, fnv1a};

/// One word of the part: a common one or a pseudo-word, as likely as each other, of 3 to 7 letters.
pub(super) fn word(part: Part, noise: &mut Noise) -> String {
    if noise.below(2) == 0 {
        let known = match part {
            Part::Train => &COMMON.0,
            Part::Test => &COMMON.1,
        };
        return (*noise.pick(known)).to_owned();
    }
    loop {
        let word = pseudo(noise);
        if part_of(&word) == part {
            return word;
        }
    }
}

/// Which part a text belongs to: about three quarters of all texts are for training.
pub(super) fn part_of(text: &str) -> Part {
    if rank(text).is_multiple_of(4) { Part::Test } else { Part::Train }
}

/// A stable hash with all bits mixed (FNV-1a, then the finaliser of MurmurHash3): short texts need the mixing.
pub(super) fn rank(text: &str) -> u64 {
    let hash = fnv1a(text.as_bytes());
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

static COMMON: LazyLock<(Vec<&'static str>, Vec<&'static str>)> =
    LazyLock::new(|| WORDS.split_whitespace().partition(|word| part_of(word) == Part::Train));

const ONSETS: &[&str] = &[
    "b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "cl", "dr", "fl",
    "gr", "pl", "sh", "st", "tr", "th",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ee", "oo", "ai", "ou"];
const CODAS: &[&str] = &["", "", "", "n", "r", "l", "t", "m", "s", "d", "p", "g", "nd", "st", "x", "ck"];

fn pseudo(noise: &mut Noise) -> String {
    loop {
        let mut word = String::new();
        if noise.below(6) == 0 {
            word.push_str(noise.pick::<&str>(&VOWELS[..5]));
        }
        for _ in 0..=noise.below(2) {
            word.push_str(noise.pick::<&str>(ONSETS));
            word.push_str(noise.pick::<&str>(VOWELS));
        }
        word.push_str(noise.pick::<&str>(CODAS));
        if (3..=7).contains(&word.len()) {
            return word;
        }
    }
}

const WORDS: &str = "
able acid age air alarm alive angel anger ankle apple apron arch area arm army arrow art atlas attic aunt autumn baby
back bacon badge bag ball banana band bank barn base basket bath beach bead beak bean bear beard bed bee beef bell
belt bench berry bike bird bite black blade blanket block blood blue board boat body bone book boot border bottle
bottom bowl box boy brain branch brave bread brick bridge bright brother brown brush bubble bucket bug bus bush butter
button cabin cable cage cake camel camera camp candle candy cannon canoe cap car card carpet carrot cart castle cat
cave cellar chain chair chalk cheese cherry chest chicken child church circle city class clay clean cliff clock cloth
cloud clown club coal coast coat coffee coin cold color comb cook cookie copper corn corner cotton cousin cover cow
crab crane cream crown cup curtain cushion dance dark day deep deer desert desk diamond dinner dish doctor dog doll
donkey door dragon dream dress drink drum duck dust eagle ear earth east easy edge egg elbow engine evening eye face
factory fair family farm farmer fast father feather fence field finger fire fish flag flame flat floor flour flower
flute fly fog food foot forest fork fox frame free fresh friend frog front frost fruit game garden garlic gate giant
gift girl glass globe glove glue goat gold good goose grape grass great green grey ground group guest guitar hair
half hall hammer hand happy harbor hat hawk head heart heavy hedge heel hello hen herb hero hill hole holiday home
honey hook horn horse hot hotel hour house ice idea ink insect iron island ivory ivy jacket jam jar jelly jewel job
joke juice jump jungle kettle key kind king kiss kitchen kite kitten knee knife knight lace ladder lake lamb lamp land
large laugh lawn lazy leaf leather left leg lemon letter library light lily lime line lion lip liquid list little
lizard lock log long love lucky lunch lung machine magic mail man map marble mark market mask master match meadow
meal meat medal melon metal milk mill mind mint mirror money monkey month moon morning moss mother mountain mouse mouth
mud muscle music nail name nature neck needle nest net new nice night noise north nose note number nurse nut oak ocean
office oil old olive onion open orange orbit oven owl paddle page paint palace palm pan panda paper parade parent park
parrot party path peace peach peanut pearl pen pencil people pepper piano picnic picture pie pig pillow pilot pine
pink pipe pizza place plain planet plant plate pocket poem point pond pony pool port pot potato pour powder pretty
prince prize pudding puppy purple purse puzzle queen quick quiet quilt rabbit race radio rail rain rainbow ranch
raven red rest rice rich ride right ring river road robot rock roof room root rope rose round row rug rule sack sad
saddle safe sail salad salt sand sauce school scooter sea seal season seat secret seed shade shadow shark sharp sheep
shelf shell ship shirt shoe shop short shovel show silk silver simple singer sister sky sled sleep slow small smell
smile smoke snail snake snow soap sock sofa soft soil song soup south space spark spider spoon spring square squash
stable stairs star statue steam steel stem step stick stone storm story stove strange straw street string strong
student sugar summer sun sweater sweet swim sword table tail tall tank tape tea teacher team tent theater thick thin
thorn thread throat thumb thunder ticket tide tiger time tin tired toad toast toe tomato tongue tool tooth top torch
towel tower town toy track train tray tree truck trumpet tube tulip tunnel turkey turtle twin uncle under upper valley
van vase velvet village vine violin visit voice wagon wall walnut war warm wash watch water wave wax weather weed
week west whale wheat wheel whistle white wild wind window wine wing winter wire wolf woman wood wool word work
world worm yard year yellow young zebra zero zoo
";
