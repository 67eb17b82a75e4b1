<?php
// What PHP makes of a form: the parser behind $_POST, with the max_input_vars that PHP is shipped with. Body on standard
// input, charset as argument, lines as JSON on standard output.
ini_set('display_errors', 'stderr');
parse_str(file_get_contents('php://stdin'), $post);
$text = fn($bytes) => $argv[1] === 'UTF-8' ? $bytes : iconv('Windows-1252', 'UTF-8', $bytes);
$lines = [];
foreach ($post as $name => $values) {
    if (preg_match('/^NEW_ITEM-LONGTEXT_(\d+):132$/', $name, $found)) {
        $lines[$found[1]]['LONGTEXT'] = $text($values[0]);
    } elseif (preg_match('/^NEW_ITEM-([A-Z0-9_]+)$/', $name, $found)) {
        foreach ($values as $line => $value) {
            $lines[$line][$found[1]] = $text($value);
        }
    }
}
echo json_encode($lines, JSON_FORCE_OBJECT | JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
