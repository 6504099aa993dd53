"""Words after which a mark hardly ends anything, while nobody knows what follows. Data, for `settling`.

They need not be complete: a word that is missing costs a pause within a name, one that is here without need only
makes a passage wait for the next word.
"""
# ruff: noqa: RUF001 - letters of many scripts

import re
from typing import Final

ABBREVIATIONS: Final = frozenset(
    re.findall(
        r"\S+",
        """abb abs adj adm al alt approx apr apt art assn asst aug av ave avg bd betr bijv bldg blvd blz
        bsp bspw bzgl bzw ca capt cf ch chap cie cmdr co col comdr corp cpl ct dec def dept dez dipl
        dir dist div dott dr dt ed eds eg eig engl enz esp esq est etc eu evtl ex ext feb ff fig figs
        fr frl ft gal geb gegr gen gesch ggf gov govt hon hr hrs hrsg ie inc incl inkl insp int intl
        jan jr jul jun kap kg km lat lb lbs lit lt ltd ltda maj mar max mfg mgr min misc mlle mm mme mo
        mon mr mrs ms msgr mt mtn nat no nos nov nr num núm oct okt op orig oz pag par pct pg ph pl pop
        pp pref prep pres prof pt pub pág págs rd rep resp rev rpt sat sci sec sen sep sept sgt sig soc
        sog spec spp sr sra srta st sta std ste str sun suppl tbsp tech tel temp thu thur thurs tsp tue
        tues ud uds ul univ urspr usf usw var vgl viz vol vols vs wed wg yd yr yrs zb ziff zit zzgl г
        гг др им пр руб стр т.д т.е т.п ул""",
    )
)
# What begins the name of a file, a package or a host.
STEMS: Final = frozenset(
    re.findall(
        r"\S+",
        """academy admin amazon api app apple archive array asp bar baz bootstrap build cargo chart client
        cloudflare com common compose conf config conftest console crates css data deno dev dist django
        docker dockerfile docs document dom email env example express facebook fastapi file files flask
        foo func function github gitlab gmail go google gradlew handler helper helpers host hotmail
        html huggingface image images index info init instagram java jquery js json kernel layout lib
        linkedin linux local localhost lock log login logs mail main makefile manage map math medium
        microsoft mod model models module mongo my myapp myfile net netflix next nginx node notebook np
        npm numpy nuxt object openai option options os output package page pandas paypal pd pip plot
        plt pom process program project promise prop props pyproject pytest python query random react
        readme reddit redis request requests requirements res response result router routes run sample
        schema script scripts self server service settings setup site socket spotify spring sql src
        stackoverflow stdin stdout store string style styles super svelte sys system tailwind task
        telegram test tests this token torch train tsconfig twitch twitter types user users util utils
        view views vite vue web webpack wikipedia window wordpress worker www yahoo yarn youtube zoom""",
    )
)
SCHEMES: Final = frozenset(
    re.findall(
        r"\S+",
        """http https ftp sftp ssh ws wss file mailto tel data std git urn""",
    )
)
# Before a word in small letters these name a place: "in main." goes on as main.py.
NAMING: Final = frozenset(
    re.findall(
        r"\S+",
        """at in on from to via by into of called named see run open import visit use using edit file site
        host module package auf unter bei nach von namens heißt datei dans sur à en sous appelé de em
        na no nel su op""",
    )
)
PRONOUNS: Final = frozenset(
    re.findall(
        r"\S+",
        """all both each dir du elle eux euch her here him hours ihm ihnen ihr it lei lui me mich mir moi nos now
        one order others sie there that them these this those time toi today uns us vous which whom you yours""",
    )
)
