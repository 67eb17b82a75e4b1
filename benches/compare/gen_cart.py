#!/usr/bin/env python3
"""Generate a deterministic, realistic ~60 KiB legacy-shop cart page with 20 order lines, plus the 1 KiB and 10 MiB bodies."""
import os, random, sys
R = random.Random(4710)
out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "www")
os.makedirs(out, exist_ok=True)
WORDS = ("hydraulic sealing bolt stainless galvanised cable gland M12 safety glove nitrile lamp LED fixture "
         "bearing roller drill carbide filter cartridge pump valve brass fitting copper tube insulated "
         "terminal connector relay switch contactor fuse panel cabinet lock hinge bracket").split()
def words(n): return " ".join(R.choice(WORDS) for _ in range(n))
def nav(n):
    s = []
    for i in range(n):
        s.append(f'<li class="nav-item level-1"><a class="nav-link" href="https://shop.example.no/category/{i}-{R.choice(WORDS).lower()}" title="{words(3)}"><span class="icon icon-{i}"></span>{words(2).title()}</a><ul class="dropdown">'
                 + "".join(f'<li class="level-2"><a href="/category/{i}/{j}">{words(2)}</a></li>' for j in range(5)) + "</ul></li>\n")
    return "".join(s)
css = "\n".join(f".c{i} .{R.choice(WORDS).lower()}-{i}{{margin:{i%9}px {i%5}px;padding:{i%7}px;color:#{R.randrange(1<<24):06x};background:url(/img/bg{i}.png) no-repeat}}" for i in range(70))
js = "\n".join(f"window.cfg=window.cfg||{{}};cfg['k{i}']={{id:{i},label:\"{words(3)}\",url:\"\\/ajax\\/{i}?a=1&b=<2>\",tpl:'<div class=\"x\">'+{i}+'<\\/div>'}};" for i in range(45))
rows = []
for i in range(1, 21):
    sku = f"{R.randrange(100000,999999)}-{R.choice('ABCDEF')}"
    price = f"{R.randrange(5,4000)},{R.randrange(0,99):02d}"; qty = R.randrange(1, 40)
    rows.append(f'''      <tr class="cart-line {'odd' if i%2 else 'even'}" id="line-{i}" data-line="{i}" data-sku="{sku}" data-product-id="{R.randrange(1000,99999)}">
        <td class="cell thumb"><a href="https://shop.example.no/product/{sku}"><img src="https://cdn.example.no/thumb/{sku}.jpg" width="64" height="64" alt="{words(4)}" loading="lazy"></a></td>
        <td class="cell descr"><a class="product-name" href="/product/{sku}">{words(5).capitalize()} &amp; {words(3)}</a>
          <div class="meta"><span class="label">Item no.</span> <span class="sku">{sku}</span><br><span class="label">Manufacturer ref.</span> <span class="mref">MF-{R.randrange(10**6)}</span></div>
          <p class="teaser">{words(26)}.</p>
          <div class="stock in-stock" data-qty="{R.randrange(900)}"><i class="fa fa-check"></i> In stock, delivery {R.randrange(1,9)}-{R.randrange(9,14)} days</div></td>
        <td class="cell unit">{R.choice(['STK','PCE','MTR','PK','KG'])}</td>
        <td class="cell price"><span class="amount">{price}</span> <span class="currency">NOK</span></td>
        <td class="cell qty"><button type="button" class="minus" data-target="q{i}">-</button><input id="q{i}" name="qty[{i}]" class="qty-input" type="text" value="{qty}" size="4"><button type="button" class="plus" data-target="q{i}">+</button></td>
        <td class="cell sum"><span class="line-sum">{price}</span></td>
        <td class="cell actions"><a class="remove" href="/cart/remove/{i}?token={R.randrange(1<<60):x}" title="Remove">&times;</a><!-- line {i} end --></td>
      </tr>
''')
recs = "".join(f'<div class="rec card"><a href="/product/r{i}"><img src="/img/r{i}.jpg" alt="{words(3)}"><h4>{words(4)}</h4></a><span class="rec-price">{R.randrange(9,999)},00 kr</span><form action="/cart/add" method="post"><input type="hidden" name="id" value="{i}"><button class="btn add">Add</button></form></div>\n' for i in range(16))
html = f'''<!DOCTYPE html>
<html lang="no">
<head>
<meta charset="utf-8">
<title>Shopping cart - Example Industri AS</title>
<link rel="stylesheet" href="/static/main.css?v=118"><script src="/static/jquery-1.12.4.min.js"></script>
<style>
{css}
</style>
<script>
{js}
</script>
</head>
<body class="page-cart logged-in theme-classic">
<div id="wrap"><header><a class="logo" href="/"><img src="/img/logo.gif" alt="Example"></a>
<form id="search" action="/search" method="get"><input name="q" type="text"><button>Search</button></form>
<nav><ul class="nav">
{nav(14)}</ul></nav></header>
<main><h1>Your cart</h1>
<form id="cart-form" action="/cart/update" method="post"><input type="hidden" name="csrf" value="{R.randrange(1<<120):x}">
  <table class="cart" cellspacing="0"><thead><tr><th></th><th>Product</th><th>Unit</th><th>Price</th><th>Qty</th><th>Sum</th><th></th></tr></thead>
    <tbody>
{''.join(rows)}    </tbody></table>
  <div class="totals"><dl><dt>Subtotal</dt><dd id="subtotal">48 112,00</dd><dt>VAT</dt><dd>12 028,00</dd><dt>Total</dt><dd class="grand">60 140,00</dd></dl></div>
  <div class="cart-actions"><a class="btn secondary" href="/">Continue shopping</a> <button type="submit" class="btn primary checkout" name="go" value="checkout">Proceed to checkout</button></div>
</form>
<section class="recs">
{recs}</section></main>
<footer><ul>{''.join(f'<li><a href="https://shop.example.no/info/{i}">{words(3)}</a></li>' for i in range(24))}</ul><p>{words(60)}</p></footer></div>
<script>{js[:3000].rsplit(chr(10),1)[0]}</script>
</body>
</html>
'''
pad = 60 * 1024 - len(html.encode())
if pad > 20:
    html = html.replace("</footer>", "<p class=\"legal\">" + (words(pad // 5))[: pad - 24] + "</p></footer>", 1)
open(f"{out}/cart.html", "w").write(html)
open(f"{out}/1k.html", "w").write(("<p>" + words(400))[:1020] + "</p>")
with open(f"{out}/10m.bin", "wb") as f:
    blk = bytes(R.randrange(256) for _ in range(65536))
    for _ in range(160): f.write(blk)
print({p: os.path.getsize(f"{out}/{p}") for p in os.listdir(out)})
