"""The passwords that are guessed first, of at least eight characters, and words that make none."""

COMMON = frozenset(
    """
    00000000 0123456789 01234567 0987654321 10203040 11111111 111111111 1111111111 11112222 11223344 112233445566
    12121212 123123123 1234512345 12341234 123456123456 12345678 123456789 1234567890 123456789a 123456789q
    12345678900 1234567891 12345679 123456abc 1234abcd 123abc123 123qwe123 123qweasd 123qweasdzxc 13131313 135792468
    147258369 147852369 159357456 1a2b3c4d 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz1qaz 1qaz2wsx 1qaz2wsx3edc 1qazxsw2
    20202020 22222222 22446688 25252525 31415926 33333333 55555555 66666666 741852963 77777777 78787878 789456123
    87654321 88888888 963852741 987654321 9876543210 99999999 a1234567 a12345678 a123456789 a1b2c3d4 aa123456 aa12345678
    aaaaaaaa abc12345 abc123456 abc123abc abcd1234 abcdabcd abcdefgh abcdefghi access14 adgjmptw adminadmin admin123
    admin1234 admin12345 administrator alexander amsterdam anderson apple123 arsenal1 asd123asd asdasdasd asdf1234
    asdfasdf asdfghjk asdfghjkl asdfjkl; asdqwe123 asshole1 babygirl babygirl1 babylon5 barcelona baseball baseball1
    basketball bismillah blink182 bluebird blessed1 brooklyn business butterfly caroline carolina champion changeme
    changeme1 changeme123 chelsea1 chicken1 chocolate christian christine clarinet computer computer1 corvette cowboys1
    creative danielle database december default1 dolphin1 dragon12 elephant elizabeth estrella everlast facebook
    facebook1 fernando fireball firebird flamingo flowers1 football football1 forever1 franklin freedom1 friendly
    fuckyou1 fuckyou2 garfield gateway1 georgia1 gfhjkmgfhjkm goldfish greenday grizzly1 guinness hahahaha hallo123
    hannover hardcore harley01 hello123 hello1234 hellohello helpdesk hercules hollywood iloveyou iloveyou1 iloveyou2
    ilovegod imissyou infinity internet internet1 isabella januar01 jasmine1 jennifer jessica1 jonathan jordan23
    justinbieber kawasaki kingkong klaster1 krishna1 lakers24 lasvegas letmein1 letmein123 letmein! liverpool liverpool1
    lol123456 london12 lovelove loveme12 loveyou1 madison1 manchester marathon marlboro maryjane master12 mastermind
    matthew1 maverick melissa1 mercedes metallica michael1 michelle microsoft midnight mohammed monica12 monkey12
    mountain mustang1 mypassword naruto12 nicholas nintendo nopassword november p@55w0rd p@ssw0rd p@ssw0rd1 p@ssword
    pa$$w0rd pa55word panther1 paradise parola12 pass1234 pass12345 passpass passport passw0rd passw0rd! passw0rd1
    passwd12 password password! password1 password1! password12 password123 password1234 password12345 password2
    password3 passwordpassword patricia peekaboo pokemon1 porsche1 portugal precious princess princess1 q1w2e3r4
    q1w2e3r4t5 q1w2e3r4t5y6 qazwsx123 qazwsxed qazwsxedc qazxswed qqqqqqqq qwe12345 qwe123456 qwe123qwe qweasd123
    qweasdzx qweasdzxc qwer1234 qwerqwer qwert123 qwert1234 qwert12345 qwertyui qwertyuiop qwertyuiop[] qwerty12
    qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyqwerty qwertz123 qwertzui qwertzuiop rainbow1 rangers1
    realmadrid rebecca1 remember robinson rockstar1 root1234 rootroot rush2112 samantha samsung1 scarface scorpion
    secret12 secret123 september serenity services shadow12 shopping slipknot snickers snowball softball
    spiderman spiderman1
    spongebob starcraft startrek starwars starwars1 steelers stephanie sunflower sunshine sunshine1 superman superman1
    superstar swordfish test1234 test12345 testtest testing1 testing123 therock1 thunder1 thomas123 tinkerbell trustno1
    trustnoone twilight unicorn1 universal valentina vanessa1 veronica victoria volleyball wachtwoord welcome1 welcome12
    welcome123 welcome1234 whatever whatever1 williams willkommen winston1 winter12 wordpass yankees1 yellow12 zaq12wsx
    zaq1zaq1 zaqwsxcde zxasqw12 zxc123456 zxcvbnm1 zxcvbnm123 zxcvbnm, zxcvbnm,. zxcvzxcv zzzzzzzz
    correcthorsebatterystaple
    """.split()
)

WORDS = frozenset(
    """
    admin administrator agent agents anthropic april august azerty changeme claude codex copilot default december
    development dragon february football gemini geheim hallo hello iloveyou january july june letmein login march master
    monkey november october office opencode parola passw0rd passwort password precedent precedents princess production
    qwerty qwertz root secret server september shadow spring staging summer sunday sunshine superman test testing
    autumn transcript transcripts trustno user welcome willkommen winter
    """.split()
)
"""Also with digits and signs around them."""
