"""Fills an empty shop: two customers, one country to ship to, and products whose names and prices are hard to carry."""

import os
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.contrib.auth import get_user_model
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model

Country = get_model("address", "Country")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductCategory = get_model("catalogue", "ProductCategory")
ProductClass = get_model("catalogue", "ProductClass")
StockRecord = get_model("partner", "StockRecord")

# The journeys know these by their number, which is their place here: from 1.
PRODUCTS = [
    ("SKR-001", "Skrutrekker PH2 – rød/blå", "49.90"),
    ("BLÅ-7", 'Blåbærsyltetøy "Ærø" & Ørsted <250 g>', "1234.56"),
    ("M8-40-DIN", "Sechskantschraube M8×40 für Außenbau", "0.04"),
    ("EXP-99", "Hydraulikkpumpe 400 bar", "125000.00"),
    ("KOST", "Malerkost uten tall", "19.00"),
]

Country.objects.create(
    iso_3166_1_a2="NO",
    iso_3166_1_a3="NOR",
    iso_3166_1_numeric="578",
    printable_name="Norway",
    name="Norway",
    is_shipping_country=True,
)
product_class = ProductClass.objects.create(name="Vare", requires_shipping=True, track_stock=False)
partner = Partner.objects.create(name="Fjordverktøy AS")
category = create_from_breadcrumbs("Verktøy > Håndverktøy")
for number, (sku, title, price) in enumerate(PRODUCTS, start=1):
    product = Product.objects.create(
        id=number, upc=f"KV-{number:04}", product_class=product_class, title=title, structure="standalone"
    )
    ProductCategory.objects.create(product=product, category=category)
    StockRecord.objects.create(
        product=product, partner=partner, partner_sku=sku, price=Decimal(price), price_currency="NOK"
    )
get_user_model().objects.create_user("buyer1", "innkjop@kunde.example", "Hemmelig-123", first_name="Åse")
get_user_model().objects.create_user("buyer2", "lager@kunde.example", "Hemmelig-456", first_name="Bo")
