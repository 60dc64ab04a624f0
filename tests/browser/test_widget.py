import pytest
from tests.browser.conftest import DESKTOP, PHONE, shoot
pytestmark = pytest.mark.asyncio(loop_scope="session")

async def test_probe(house, visit):
    async with visit() as v:
        page = await v.page(house.shop)
        await page.get_by_role("button", name="Open chat").click()
        await page.wait_for_timeout(1500)
        await shoot(page, "probe-1")
        n = house.number()
        page = await v.page(f"{house.chat}/chat?i={await house.token(n)}")
        await page.wait_for_timeout(1500)
        await shoot(page, "probe-2")
        print(await page.locator("remit-chat").inner_text())
        await page.set_viewport_size(PHONE)
        for name in ("Card", "Yes, pay $120.00"):
            await page.get_by_role("button", name=name).first.click()
            await page.wait_for_timeout(800)
        await shoot(page, "probe-3")
        print(page.url)
