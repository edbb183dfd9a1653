"""Sentence templates for text.py. `{X}` takes a filler of that list, `{#a-b}` a whole number in words."""

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(n):
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + ("-" + ONES[n % 10] if n % 10 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            return number_words(n // size) + " " + name + (" " + number_words(n % size) if n % size else "")


def _list(text):
    return [" ".join(item.split()) for item in text.split("|")]


FILL = {
    "N": _list("""
        Anna | Ben | Carla | David | Emma | Frank | Grace | Henry | Isabel | Jack | Karen | Liam | Maria | Nick |
        Olivia | Peter | Quinn | Rachel | Sam | Tina | Victor | Wendy | Zoe | Michael | Sarah | John | Lucy | Tom |
        Alice | George"""),
    "T": _list("""
        tomorrow | today | tonight | this morning | next week | on Monday | on Tuesday | on Wednesday | on Thursday
        | on Friday | this weekend | later | after lunch | before dinner | in an hour | at noon | soon | next month
        | in the evening | right now | at eight o'clock | at half past six | in a few minutes | once you get here"""),
    "O": _list("""
        the report | your coat | the keys | a cup of coffee | the new phone | my old bike | some milk | the blue car
        | a good book | the tickets | dinner | the laundry | the music | my sister's house | the garden | a letter |
        the window | the meeting | the kitchen | your email | the train schedule | a glass of water | the door | the
        light | the weather report | that movie | her birthday present | the package | a sandwich | the dog |
        breakfast | the question | an apple | the address | your phone number"""),
    "V": _list("""
        see | find | bring | buy | move | check | show | need | want | use | like | remember | forget | get | take |
        fix | change | watch | share | look at | talk about | think about | worry about | wait for | pay for | ask
        about"""),
    "L": _list("""
        home | at the office | at the station | in the park | at school | downtown | at the airport | by the river |
        in the library | upstairs | outside | at the restaurant | near the bridge | at the hospital | on the second
        floor | in the car | across the street"""),
    "A": _list("""
        happy | tired | busy | late | early | hungry | ready | sorry | sure | excited | worried | sick | fine |
        angry | cold | warm | afraid | glad | bored | surprised | nervous | free | careful | quiet | thirsty | proud"""),
    "D": _list("""
        beautiful | expensive | interesting | difficult | easy | strange | wonderful | terrible | funny | boring |
        delicious | important | great | amazing | awful | perfect | simple | noisy | crowded | dangerous | cheap |
        nice"""),
    "C": _list("""
        because it was raining | but I don't have time | so I called you | if you don't mind | when you're ready |
        and then we can leave | although it's late | before the store closes | after I finish work | unless
        something changes | since we have no choice | while I make dinner | and I'll explain everything | but nobody
        answered | or we can stay here | if that's all right with you | as soon as possible"""),
    "Q": _list("""
        one | two | three | four | five | six | seven | eight | nine | ten | twelve | fifteen | twenty | thirty |
        forty | fifty | a hundred | two hundred | a thousand | sixty five | eighty one | twenty three | ninety nine"""),
    "U": _list("""
        minutes | hours | days | weeks | dollars | people | miles | months | years | books | chairs | questions |
        pages | cookies | emails | degrees"""),
    "M": _list("""
        January | February | March | April | May | June | July | August | September | October | November | December"""),
    "W": _list("""
        Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday"""),
    "R": _list("""
        first | second | third | fourth | fifth | sixth | seventh | eighth | ninth | tenth | eleventh | twelfth |
        thirteenth | fourteenth | fifteenth | sixteenth | seventeenth | eighteenth | nineteenth | twentieth |
        twenty-first | twenty-second | twenty-third | twenty-fourth | twenty-fifth | twenty-sixth | twenty-seventh |
        twenty-eighth | twenty-ninth | thirtieth | thirty-first"""),
    "Y": _list("""
        nineteen eighty-four | nineteen sixty-nine | two thousand one | two thousand eight | two thousand twelve |
        twenty twenty-five | twenty twenty-six | eighteen twelve | seventeen seventy-six | nineteen oh five |
        nineteen ninety-nine | twenty nineteen | fourteen ninety-two | nineteen forty-five"""),
    "H": _list("""
        one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve"""),
    "I": _list("""
        fifteen | thirty | forty-five | oh five | ten | twenty | twenty-five | fifty | oh nine | twelve | thirty-
        seven | fifty-eight"""),
    "G": _list("""
        a m | p m"""),
    "K": _list("""
        kilometers | miles | kilograms | pounds | meters | feet | degrees Celsius | percent | liters | gigabytes |
        megabytes | miles per hour | kilometers per hour | square meters | inches | seconds | minutes | points"""),
    "F": _list("""
        one half | two thirds | three quarters | a quarter | one fifth | seven eighths"""),
    "X": _list("""
        U S | U K | F B I | A P I | C P U | N A S A | H T M L | P D F | U S B | T V | A I | D N A | G P S | Ph D | C
        E O | I D"""),
}

CONVERSATION = _list("""
Hi {N}, how are you doing {T}? | Hello, this is {N}. Can I help you? | Good morning, {N}. Did you sleep well? | I'd
like to {V} {O} {T}. | Could you {V} {O} for me? | Can you {V} {O}, {C}? | I don't want to {V} {O} anymore. | Let's
{V} {O} {T}, {C}. | We should {V} {O} {T}. | Did {N} {V} {O}? | Why didn't you {V} {O}? | What do you think about
{O}? | Where did you put {O}? | Where is {O}? I left it {L}. | When are you going to {V} {O}? | How much does {O}
cost? | It costs about {Q} dollars. | It takes {Q} {U} to get there. | I have {Q} {U} left. | There are {Q} {U} {L}.
| I'm {A}, {C}. | I'm so {A} right now. | Are you {A}? | She looks {A} {T}. | He was {A} because of {O}. | {N} is
{A}, but {N2} is not. | That's really {D}! | It was a {D} day. | What a {D} idea! | I think {O} is {D}. | This place
is {D}, isn't it? | {N} is waiting {L}. | I'll meet you {L} {T}. | I'll be {L} {T}. | Are you {L}? | We're going to
be {L} {T}. | Thank you for {O}. | Thanks, {N}, I really appreciate it. | Sorry, I didn't hear you. | Please {V} {O}
{T}. | Please don't {V} {O}. | Don't forget to {V} {O}. | Have you ever tried to {V} {O}? | I've never been so {A}
in my life. | You won't believe what happened {L}. | I told {N} to {V} {O}, {C}. | {N} said that {O} was {D}. | {N}
asked me about {O}. | Do you know where {N} is? | Do you want to {V} {O} with me? | Would you like {O}? | Would you
like some tea or coffee? | No, thank you. I'm {A}. | Yes, of course. I'll {V} {O} {T}. | Maybe we can {V} {O} {T}. |
I can't {V} {O} {T}, {C}. | I was going to {V} {O}, {C}. | If you {V} {O}, let me know. | What time is it? It's {Q}
o'clock. | My name is {N}, and I work {L}. | It's {D} to {V} {O}. | It's cold {L}. | Turn left {L}, and walk for {Q}
{U}. | The meeting starts {T}. | The train leaves {T}. | I haven't seen {N} for {Q} {U}. | You look {A}. What
happened? | I hope you're {A}. | Well, I guess we can {V} {O}. | Actually, I wanted to ask about {O}. | Honestly,
{O} is too {D} for me. | Oh no, I lost {O}! | Wait, did you {V} {O}? | By the way, {N} called {T}. | How was {O}? |
How long have you been {L}? | {N} lives {L}. | My brother is {L} with {N}. | The children are playing {L}. | I
bought {O} for {Q} dollars. | We need {Q} more {U}. | Who wants {O}? | Whose turn is it to {V} {O}? | Which one is
more {D}? | I wish I could {V} {O}. | It's going to rain {T}. | I'm looking forward to {O}. | Everything will be
{A}. | Nothing is {D} {L}. | I'd rather {V} {O} than {V2} {O2}. | You can leave {O} {L}. | Someone left {O} {L}. |
Tell {N} that I'm {A}. | Take {O} with you. | Give {O} to {N}, please. | I heard that {N} is {L}. | That sounds {D},
{C}. | Could we talk about {O} {T}? | I am not sure that {N} will {V} {O}. | She opened {O} and smiled. | He walked
{L} without {O}. | Nobody knew why {N} was so {A}. | First we {V} {O}, then we {V2} {O2}, and finally we go {L}. |
{N}, {N2}, and I went {L} {T}. | I need {O}, {O2}, and some bread. | Is it {D}, or is it {D2}? | The weather {T}
will be {D}. | Please tell me more about {O}. | It was {D} to see {N} {T}. | Your order will arrive {T}. | You have
{Q} new messages. | Press the button to {V} {O}. | I'm sorry, but {O} is not available {T}. | Welcome back, {N}!
It's {D} to see you. | My flight was delayed, {C}. | The doctor said that {N} should be {A}. | We walked {L} and
talked about {O}. | There's nothing {D} about {O}.""")

NUMBERS = _list("""
{N} was born on {M} {R}, {Y}. | The meeting is on {W}, {M} {R}, at {H} {I} {G}. | It happened in {Y}. | The price is
{#2-99} dollars and {#2-99} cents. | That will be {#100-9999} dollars. | The total comes to {#1000-99999} dollars. |
It is {#2-99} {K} long. | The temperature is {#2-99} degrees. | About {#2-99} percent of people agree. | {#2-99}
point {#0-9} {K}. | It weighs {#2-300} point {#0-9} {K}. | Call me at {#0-9} {#0-9} {#0-9}, {#0-9} {#0-9} {#0-9},
{#0-9} {#0-9} {#0-9} {#0-9}. | My number is {#0-9} {#0-9} {#0-9} {#0-9} {#0-9} {#0-9} {#0-9}. | The train leaves at
{H} {I} {G} from platform {#1-20}. | Room {#100-999} is on the {R} floor. | She finished {R} in the race. | He lives
at {#1-999} Main Street. | The population is {#1000-9999999}. | Chapter {#1-60}, page {#1-600}. | {F} of the class
is {A}. | The company made {#2-99} million dollars in {Y}. | We are open from {H} {G} to {H2} {G2}. | The {X} sent
{N} a letter on {M} {R}. | The {X} uses {#2-99} {K}. | Version {#1-20} point {#0-9} was released in {M}. | The score
was {#0-99} to {#0-99}. | Flight {#100-999} departs at {H} {I}. | Send it to {N} at example dot com. | Visit w w w
dot example dot org. | Minus {#2-40} degrees is very cold. | {#2-20} plus {#2-20} equals {#2-40}. | {#2-20} times
{#2-20} is {#2-400}. | The {R} of {M} is a {W}. | It took {#2-59} minutes and {#2-59} seconds. | The year {Y} was
{D}. | Add {F} of a cup of sugar. | The code is {#0-9} {#0-9} {#0-9} {#0-9}. | We drove {#10-900} {K} in {#2-24}
hours. | Number {#1-100}, please. | He is {#18-99} years old, and she is {#18-99}. | There were {#100-99999} people
{L}. | I paid {#2-99} euros and {#2-99} cents for {O}. | Your balance is {#100-9999} dollars and {#1-99} cents.""")

SHORT = _list("""
Yes. | No. | Hi! | Hello. | Hello! | Okay. | Sure. | Thanks. | Thank you. | Please. | Stop. | Wait. | Go. | Maybe. |
Never. | Really? | Why? | What? | Who? | Where? | When? | How? | Good. | Great! | Wow! | Oh. | Oh no! | Bye. |
Goodbye. | Sorry. | Excuse me. | Of course. | Not yet. | Right now. | I see. | I know. | Come in. | Let's go. | Good
morning. | Good night. | Good evening. | Well done! | No way! | Me too. | One moment. | Yes, please. | No, thanks. |
Is it? | Am I? | Ready? | Help! | Hurry up! | Be careful. | Not at all. | You're welcome. | Nice to meet you. | How
are you? | I'm fine. | What's up? | See you later. | Hi there. | Hey. | Cool. | Fine. | Exactly. | Absolutely. |
Congratulations! | Happy birthday! | Merry Christmas! | Testing. | One, two, three. | Alpha. | Chapter one. | The
end. | A. | B. | C. | I do. | We can. | It's late. | Sit down. | Stand up. | Turn left. | Watch out! | Try again. |
All right. | Red. | Blue. | Seven. | Twelve. | Monday. | July.""")
