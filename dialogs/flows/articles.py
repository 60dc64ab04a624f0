"""Help in the middle of anything: the short answer of an article, its page, the task that does it, and whether it helped."""

from dialogs.flows.offers import PERSON
from dialogs.flows.side import Side
from dialogs.help_center import Article, fill
from dialogs.model import Choice, Done, HelpLink, House, Move, Rate, Reply, Say, View
from dialogs.reading.buttons import from_button


class TellArticle(Side, frozen=True, omit_defaults=True, tag="article"):
    """The article about ``topic``, in the chat's language where there is one."""

    topic: str = ""
    language: str = ""

    def next(self, view: View) -> Move:
        article = article_of(view.house, self.topic, self.language)
        if article is None:
            return Done(Reply(Say("no_article", {"phone": view.house.phone}), (PERSON,)))
        text = fill(article.short, view.house.name, view.house.phone)
        return Done(
            Reply(Say("plain", {"text": text}), _choices(article), link=HelpLink(article.topic, article.language))
        )


def article_of(house: House, topic: str, language: str) -> Article | None:
    """The article in this language, or else in the first that has it."""
    centers = [house.help[language]] if language in house.help else []
    found = (center.articles.get(topic) for center in (*centers, *house.help.values()))
    return next((article for article in found if article is not None), None)


def _choices(article: Article) -> tuple[Choice, ...]:
    act = from_button(article.task)
    task = (Choice(Say("plain", {"text": article.button}), act),) if act is not None and article.button else ()
    return (
        *task,
        Choice(Say("button_helped"), Rate(article.topic, helped=True)),
        Choice(Say("button_not_helped"), Rate(article.topic, helped=False)),
    )
