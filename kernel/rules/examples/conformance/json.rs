//! JSON with one meaning: a name twice, NaN and nesting without end are refused. Text may have half a
//! surrogate pair, as JSON allows, and is then no Unicode: so it is kept in WTF-8.

use std::fmt::Write;

/// A JSON value. A number that is no integer of 64 bits is `Other`.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Other,
    Text(Vec<u8>),
    Array(Vec<Json>),
    Object(Vec<(Vec<u8>, Json)>),
}

/// Why a text is not read.
#[derive(Debug, PartialEq)]
pub enum Wrong {
    /// It is no JSON.
    Syntax,
    /// It is JSON, and says one thing in two ways or has no end.
    Meaning,
}

const MAX_DEPTH: usize = 900; // about where the Python executable gives up

type Read<T> = Result<T, Wrong>;

pub fn read(text: &[u8]) -> Read<Json> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(Wrong::Syntax) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Read<Json> {
        self.space();
        match self.peek() {
            b'"' => Ok(Json::Text(self.string()?)),
            b'{' | b'[' if depth == MAX_DEPTH => Err(Wrong::Meaning),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'-' | b'0'..=b'9' if !self.text[self.at..].starts_with(b"-Infinity") => self.number(),
            _ if self.eat("null") => Ok(Json::Null),
            _ if self.eat("true") => Ok(Json::Bool(true)),
            _ if self.eat("false") => Ok(Json::Bool(false)),
            _ if ["NaN", "Infinity", "-Infinity"].iter().any(|word| self.eat(word)) => Err(Wrong::Meaning),
            _ => Err(Wrong::Syntax),
        }
    }

    fn array(&mut self, depth: usize) -> Read<Json> {
        let mut out = Vec::new();
        self.at += 1;
        self.space();
        if self.eat("]") {
            return Ok(Json::Array(out));
        }
        loop {
            out.push(self.value(depth)?);
            self.space();
            match () {
                () if self.eat("]") => return Ok(Json::Array(out)),
                () if self.eat(",") => {}
                () => return Err(Wrong::Syntax),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Json> {
        let mut out = Vec::new();
        self.at += 1;
        self.space();
        if self.eat("}") {
            return Ok(Json::Object(out));
        }
        loop {
            self.space();
            if self.peek() != b'"' {
                return Err(Wrong::Syntax);
            }
            let name = self.string()?;
            self.space();
            if !self.eat(":") {
                return Err(Wrong::Syntax);
            }
            out.push((name, self.value(depth)?));
            self.space();
            match () {
                () if self.eat("}") => break,
                () if self.eat(",") => {}
                () => return Err(Wrong::Syntax),
            }
        }
        let mut names: Vec<_> = out.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) { Err(Wrong::Meaning) } else { Ok(Json::Object(out)) }
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(Wrong::Syntax) } else { Ok(()) }
    }

    fn number(&mut self) -> Read<Json> {
        let start = self.at;
        self.eat("-");
        if !self.eat("0") {
            self.digits()?;
        }
        let whole = self.at;
        if self.eat(".") {
            self.digits()?;
        }
        if self.eat("e") || self.eat("E") {
            _ = self.eat("+") || self.eat("-");
            self.digits()?;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Wrong::Syntax)?;
        let int = text.parse().ok().filter(|_| whole == self.at);
        Ok(int.map_or(Json::Other, Json::Int))
    }

    fn string(&mut self) -> Read<Vec<u8>> {
        let mut out = Vec::new();
        self.at += 1;
        loop {
            let run = self.text[self.at..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
            let end = self.at + run.count();
            out.extend_from_slice(&self.text[self.at..end]);
            self.at = end + 1;
            match self.text.get(end) {
                Some(b'"') => return Ok(out),
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(Wrong::Syntax),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Read<()> {
        let letter = self.peek();
        self.at += 1;
        out.push(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.hex()?;
                if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    match self.hex()? {
                        low @ 0xdc00..0xe000 => code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00),
                        _ => self.at = back,
                    }
                }
                match char::from_u32(code) {
                    Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                    // half a pair, as UTF-8 would have it if it were allowed
                    None => out.extend(
                        [0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63].map(|n| n as u8),
                    ),
                }
                return Ok(());
            }
            _ => return Err(Wrong::Syntax),
        });
        Ok(())
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Wrong::Syntax)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |n, &digit| Ok(n << 4 | char::from(digit).to_digit(16).ok_or(Wrong::Syntax)?))
    }
}

impl Json {
    /// Make text.
    pub fn text(text: impl Into<String>) -> Self {
        Json::Text(text.into().into_bytes())
    }

    /// Make an object.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Return a member of an object; null where it is left out.
    pub fn get(&self, name: &str) -> &Json {
        let Json::Object(members) = self else {
            return &Json::Null;
        };
        members.iter().find(|(known, _)| known == name.as_bytes()).map_or(&Json::Null, |(_, value)| value)
    }

    /// Write it on one line.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null | Json::Other => *out += "null",
            Json::Bool(truth) => *out += if *truth { "true" } else { "false" },
            Json::Int(n) => _ = write!(out, "{n}"),
            Json::Text(text) => write_text(text, out),
            Json::Array(all) => {
                *out += "[";
                for (at, one) in all.iter().enumerate() {
                    *out += if at > 0 { ", " } else { "" };
                    one.write(out);
                }
                *out += "]";
            }
            Json::Object(members) => {
                *out += "{";
                for (at, (name, value)) in members.iter().enumerate() {
                    *out += if at > 0 { ", " } else { "" };
                    write_text(name, out);
                    *out += ": ";
                    value.write(out);
                }
                *out += "}";
            }
        }
    }
}

fn write_text(text: &[u8], out: &mut String) {
    *out += "\"";
    for char in String::from_utf8_lossy(text).chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\0'..' ' => _ = write!(out, "\\u{:04x}", u32::from(char)),
            _ => out.push(char),
        }
    }
    *out += "\"";
}
