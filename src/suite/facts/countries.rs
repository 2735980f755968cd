//! Countries: capital, language, continent.

use super::Fact;

pub(super) const FACTS: &[Fact] = &[
    Fact {
        name: "capital_city",
        family: "capitals",
        object: "country",
        source: COUNTRIES,
        columns: (0, 1),
        phrases: "=the capital of {} / ={}'s capital / =the capital city of {} / name the capital of {}
            / say which city is the capital of {} / ?which city is the capital of {}",
        sentences: &["The capital of K is V.", "V is the capital of K.", "K has the capital V."],
    },
    Fact {
        name: "country_of_capital",
        family: "capitals",
        object: "city",
        source: COUNTRIES,
        columns: (1, 0),
        phrases: "=the country whose capital is {} / =the country that has {} as its capital
            / name the country whose capital is {} / say which country {} is the capital of
            / ?which country is {} the capital of / ?which country has {} as its capital",
        sentences: &["K is the capital city of V.", "The country whose capital is K is V."],
    },
    Fact {
        name: "language",
        family: "languages",
        object: "country",
        source: COUNTRIES,
        columns: (0, 2),
        phrases: "=the language of {} / =the language spoken in {} / name the language people speak in {}
            / =the main language of {} / ?which language do people speak in {}",
        sentences: &["People in K speak V.", "The language of K is V.", "In K they speak V."],
    },
    Fact {
        name: "continent",
        family: "continents",
        object: "country",
        source: COUNTRIES,
        columns: (0, 3),
        phrases: "=the continent of {} / =the continent where {} lies / name the continent {} is in
            / =the part of the world where {} is / say on which continent {} is / ?which continent is {} in",
        sentences: &["K is in V.", "The continent of K is V.", "K lies in V."],
    },
];

const COUNTRIES: &str = "
France=Paris=French=Europe, Germany=Berlin=German=Europe, Spain=Madrid=Spanish=Europe, Italy=Rome=Italian=Europe,
Portugal=Lisbon=Portuguese=Europe, Greece=Athens=Greek=Europe, Poland=Warsaw=Polish=Europe,
Austria=Vienna=German=Europe, Hungary=Budapest=Hungarian=Europe, Norway=Oslo=Norwegian=Europe,
Sweden=Stockholm=Swedish=Europe, Denmark=Copenhagen=Danish=Europe, Finland=Helsinki=Finnish=Europe,
Iceland=Reykjavik=Icelandic=Europe, Ireland=Dublin=English=Europe, England=London=English=Europe,
Scotland=Edinburgh=English=Europe, Wales=Cardiff=-=Europe, Belgium=Brussels=-=Europe,
Netherlands=Amsterdam=Dutch=Europe, Switzerland=Bern=-=Europe, Czechia=Prague=Czech=Europe,
Slovakia=Bratislava=Slovak=Europe, Slovenia=Ljubljana=-=Europe, Croatia=Zagreb=Croatian=Europe,
Serbia=Belgrade=Serbian=Europe, Bulgaria=Sofia=Bulgarian=Europe, Romania=Bucharest=Romanian=Europe,
Albania=Tirana=Albanian=Europe, Ukraine=Kyiv=Ukrainian=Europe, Estonia=Tallinn=Estonian=Europe,
Latvia=Riga=Latvian=Europe, Lithuania=Vilnius=Lithuanian=Europe, Malta=Valletta=Maltese=Europe,
Monaco=-=French=Europe,
Russia=Moscow=Russian=-, Turkey=Ankara=Turkish=-, China=Beijing=Chinese=Asia, Japan=Tokyo=Japanese=Asia,
India=New Delhi=Hindi=Asia, Thailand=Bangkok=Thai=Asia, Vietnam=Hanoi=Vietnamese=Asia, Nepal=Kathmandu=Nepali=Asia,
Mongolia=Ulaanbaatar=Mongolian=Asia, Iran=Tehran=Persian=Asia, Iraq=Baghdad=Arabic=Asia,
Jordan=Amman=Arabic=Asia, Syria=Damascus=Arabic=Asia, Lebanon=Beirut=Arabic=Asia, Oman=Muscat=Arabic=Asia,
Qatar=Doha=Arabic=Asia, Pakistan=Islamabad=Urdu=Asia, Bangladesh=Dhaka=Bengali=Asia, Laos=Vientiane=Lao=Asia,
Cambodia=Phnom Penh=Khmer=Asia, Malaysia=Kuala Lumpur=Malay=Asia, Indonesia=Jakarta=Indonesian=Asia,
Philippines=Manila=-=Asia, Armenia=Yerevan=Armenian=Asia, Georgia=Tbilisi=Georgian=-, Taiwan=Taipei=Chinese=Asia,
Egypt=Cairo=Arabic=Africa, Morocco=Rabat=Arabic=Africa, Tunisia=Tunis=Arabic=Africa, Libya=Tripoli=Arabic=Africa,
Sudan=Khartoum=Arabic=Africa, Kenya=Nairobi=Swahili=Africa, Ethiopia=Addis Ababa=Amharic=Africa,
Ghana=Accra=English=Africa, Nigeria=Abuja=English=Africa, Senegal=Dakar=French=Africa, Mali=Bamako=-=Africa,
Uganda=Kampala=-=Africa, Rwanda=Kigali=-=Africa, Zambia=Lusaka=English=Africa, Angola=Luanda=Portuguese=Africa,
Somalia=Mogadishu=Somali=Africa, Namibia=Windhoek=English=Africa, Zimbabwe=Harare=-=Africa, Gabon=-=French=Africa,
Madagascar=-=Malagasy=Africa, Canada=Ottawa=-=America, Mexico=Mexico City=Spanish=America,
Cuba=Havana=Spanish=America, Jamaica=Kingston=English=America, Haiti=-=-=America, Panama=-=Spanish=America,
Peru=Lima=Spanish=America, Chile=Santiago=Spanish=America, Brazil=Brasilia=Portuguese=America,
Argentina=Buenos Aires=Spanish=America, Bolivia=-=Spanish=America, Colombia=Bogota=Spanish=America,
Ecuador=Quito=Spanish=America, Uruguay=Montevideo=Spanish=America, Paraguay=Asuncion=-=America,
Venezuela=Caracas=Spanish=America, Honduras=-=Spanish=America, Australia=Canberra=English=Oceania,
Fiji=Suva=-=Oceania, Samoa=Apia=Samoan=Oceania, Tonga=-=Tongan=Oceania
";
