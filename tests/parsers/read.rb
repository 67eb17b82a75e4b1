# What Rack, and so Rails and Sinatra, makes of a form. Body on standard input, charset as argument, lines as JSON on
# standard output.
require "json"
require "rack/utils"

charset = ARGV[0] == "UTF-8" ? "UTF-8" : "Windows-1252"
text = ->(bytes) { bytes.dup.force_encoding(charset).encode("UTF-8") }
lines = Hash.new { |all, line| all[line] = {} }
Rack::Utils.parse_nested_query($stdin.binmode.read).each do |name, values|
  if (found = /\ANEW_ITEM-LONGTEXT_(\d+):132\z/.match(name))
    lines[found[1]]["LONGTEXT"] = text.call(values.first)
  elsif (found = /\ANEW_ITEM-([A-Z0-9_]+)\z/.match(name))
    values.each { |line, value| lines[line][found[1]] = text.call(value) }
  end
end
print JSON.generate(lines)
