"""Words of sentences that are no task, or in another language. Data only."""

from __future__ import annotations

from vista.planner.instruction.words.word_sets import word_set

FOREIGN = word_set(
    "der die das den dem ein eine einen einem auf und nicht bitte stell stelle leg lege nimm nehme wo "
    "ist in tablett tasse wuerfel würfel rote roten blaue blauen grüne gelbe schublade öffne offne mach "
    "kannst du ich bin wie geht rot blau gelb ball kugel dose tisch schieb links rechts zum zur el la "
    "los las un una de del en y por favor pon poner coge toma abre cierra cajón cajon taza azul rojo "
    "roja verde amarillo amarilla bandeja mesa dónde donde está esta hola gracias mueve cubo pelota "
    "caja lata o os as um uma no na coloque ponha pegue abra gaveta vermelho vermelha xícara xicara "
    "onde il lo gli le uno di nel nella e metti prendi apri chiudi cassetto tazza blu rosso rossa "
    "vassoio dove sul sulla palla scatola mettere per favore prego ciao les des une dans sur et met "
    "mets mettez pose prends ouvre ferme tiroir bleue bleu rouge vert verte jaune plateau table où est "
    "merci bonjour s'il vous te plait plaît balle boîte cube veuillez het een zet pak doe blauwe rode "
    "beker dienblad waar op naar alsjeblieft blok doos lade schuif sätt lagg lägg ta det ett blå röd "
    "mugg brickan på var är öppna och snälla połóż wstaw weź niebieski kubek tacy czerwony otwórz "
    "szufladę proszę gdzie jest do mavi fincan\u0131 tepsiye koy k\u0131rm\u0131z\u0131 "
    "nerede lütfen aç tepsi masa "
    "letakkan ambil buka cangkir biru merah baki ke dalam atas tolong kotak laci mana"
)
"""Common words of other languages; some of them are English, too."""

ENGLISH = word_set(
    "the a an in into on onto to of and then it is are put place move take pick open close please my "
    "your you from with all both every everything cube mug can ball box cylinder capsule tray drawer "
    "table red green blue yellow purple orange white black pink one ones thing things what where how do "
    "does not next left right behind between front up down out there here that this them i me let go "
    "get bring set drop die no as"
)
"""Words that make a sentence English."""

CHAT = word_set(
    "hello hi hey howdy greetings thanks thank thx bye goodbye cheers yes no yeah yep nope nah ok okay "
    "sure lol haha test testing nice cool great awesome good wow amazing sorry oops welcome "
    "congratulations morning evening night weather joke story system ignore sudo admin override i we he "
    "she they this that it my your there you what's well interesting perfect excellent done never hmm "
    "help nothing nevermind today tomorrow yesterday life love hate because"
)
"""A sentence that begins with one of these, and is no request, asks for nothing."""

OTHER_VERBS = word_set(
    "wave dance pour unscrew screw twist turn rotate spin flip tilt shake stir mix wash clean wipe "
    "scrub dry cut slice chop peel cook bake fry boil break smash crush squeeze squash bend fold tear "
    "rip paint draw write type press click tap hit kick punch knock poke throw catch roll bounce juggle "
    "balance jump walk run drive fly swim sing play whistle clap point nod bow salute greet speak talk "
    "say shout whisper tell sleep wake rest stop pause wait halt freeze continue resume repeat retry "
    "undo redo cancel abort reset restart reboot shutdown calibrate home park charge plug unplug "
    "connect disconnect switch dim light burn build make assemble disassemble attach detach glue tape "
    "tie untie lock unlock sort order arrange organise organize align straighten swap exchange trade "
    "count weigh measure photograph record film scan inspect check test follow watch look learn teach "
    "show demonstrate explain hand give pass serve feed offer eat drink taste smell sniff lick blow "
    "suck spray water fill sprinkle sweep vacuum mop dust polish iron sew knit wrap unwrap pack unpack "
    "buy sell pay call phone text email google search download install print delete erase hide seek "
    "steal hug kiss massage scratch tickle stroke pet pat rub touch feel grind drill hammer saw nail "
    "weld sand carve inflate deflate pump shoot fire aim attack kill destroy explode melt heat cool "
    "warm uncap cap uncork cork crack fetch translate hum laugh smile cry compute calculate solve think "
    "imagine dream guess describe sketch pretend act behave become be rearrange replace disinfect dip "
    "dunk soak rinse drain spill empty splash tip topple flick flatten hang mount stretch extend "
    "retract slam smack slap stamp stomp trace circle copy mirror relax speed slow hurry go come leave "
    "return stay vacate unfold unroll unzip zip button unbutton pinch prod wiggle jiggle bang rattle "
    "ring buzz beep blink dispose discard recycle trash bin decorate label mark colour color divide "
    "split share distribute deal shuffle spread scatter"
)
"""Verbs for which there is no skill."""
