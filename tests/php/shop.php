<?php
// A shop that tells what PHP has made of a form. Run by: php -S 127.0.0.1:PORT shop.php
header('Content-Type: application/json');
echo json_encode(['post' => $_POST], JSON_FORCE_OBJECT | JSON_INVALID_UTF8_SUBSTITUTE);
