<?php
// A procurement system of two pages, with PHP's own form parser behind it: nothing here knows how the proxy writes a form.
//
//   GET  /start?entry=URL&method=get|post&...   the page a buyer punches out from: one form, or one link, with the rest as fields
//   POST anything else                          the hook: keeps what arrived as N.json in the folder $HOOK_KEEP, and shows it
//
// Run by: HOOK_KEEP=folder php -S 127.0.0.1:PORT hook.php

header('Content-Type: text/html; charset=utf-8');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

function text(string $raw): string
{
    return htmlspecialchars($raw, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

if ($path === '/favicon.ico') {
    http_response_code(404);
    return;
}

if ($path === '/start') {
    $entry = $_GET['entry'];
    $method = $_GET['method'];
    // By hand: $_GET has folded names such as "a.b" already, and a catalog call's names must stay as they are.
    $fields = [];
    foreach (explode('&', $_SERVER['QUERY_STRING']) as $pair) {
        [$name, $value] = array_map('urldecode', explode('=', $pair, 2)) + [1 => ''];
        if ($name !== 'entry' && $name !== 'method') {
            $fields[$name] = $value;
        }
    }
    echo '<!doctype html><meta charset="utf-8"><title>Procurement</title><h1>Procurement</h1>';
    if ($method === 'get') {
        $query = http_build_query($fields);
        echo '<a id="punch-out" href="' . text("$entry?$query") . '">Punch out</a>';
    } else {
        echo '<form method="post" action="' . text($entry) . '">';
        foreach ($fields as $name => $value) {
            echo '<input type="hidden" name="' . text($name) . '" value="' . text($value) . '">';
        }
        echo '<button id="punch-out">Punch out</button></form>';
    }
    return;
}

$arrived = [
    'method' => $_SERVER['REQUEST_METHOD'],
    'uri' => $_SERVER['REQUEST_URI'],
    'query' => $_GET,
    'type' => $_SERVER['CONTENT_TYPE'] ?? '',
    'post' => $_POST,
    'raw' => file_get_contents('php://input'),
];
// A form in another charset is not UTF-8 once decoded; `raw` has its bytes, percent-encoded.
$flags = JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR;
$keep = getenv('HOOK_KEEP');
$number = count(glob("$keep/*.json")) + 1;
file_put_contents("$keep/$number.json.part", json_encode($arrived, $flags));
rename("$keep/$number.json.part", "$keep/$number.json");

echo '<!doctype html><meta charset="utf-8"><title>Cart received</title><h1 id="received">Cart received</h1><table border="1">';
foreach ($_POST as $name => $value) {
    $value = is_array($value) ? $value : ['' => $value];
    foreach ($value as $index => $one) {
        $shown = $index === '' ? $name : "$name [$index]";
        echo '<tr><td>' . text($shown) . '<td>' . text(is_array($one) ? json_encode($one) : $one) . '</tr>';
    }
}
echo '</table>';
