//! How texts are cut into tokens.

use model::{Error, Language, Stopwords, TextOptions, Tokenizer};

use super::schema::unit_codes;
use super::{Codec, DecodeError, Reader, Writer};

impl Codec for TextOptions {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.tokenizer.encode(out)?;
        out.bool(self.lowercase);
        out.bool(self.ascii_folding);
        encode_chars(self.token_chars_min, out)?;
        encode_chars(self.token_chars_max, out)?;
        self.stopwords.encode(out)?;
        self.stemmer.encode(out)?;
        out.bool(self.phrases);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            tokenizer: Codec::decode(input)?,
            lowercase: input.bool()?,
            ascii_folding: input.bool()?,
            token_chars_min: decode_chars(input)?,
            token_chars_max: decode_chars(input)?,
            stopwords: Codec::decode(input)?,
            stemmer: Codec::decode(input)?,
            phrases: input.bool()?,
        })
    }
}

fn encode_chars(chars: Option<u32>, out: &mut Writer) -> Result<(), Error> {
    chars.map(u64::from).encode(out)
}

fn decode_chars(input: &mut Reader<'_>) -> Result<Option<u32>, DecodeError> {
    let chars = Option::<u64>::decode(input)?;
    chars
        .map(u32::try_from)
        .transpose()
        .map_err(|_| input.malformed("a number of characters"))
}

impl Codec for Stopwords {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.languages.encode(out)?;
        out.length(self.custom.len());
        self.custom.iter().for_each(|word| out.text(word));
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let languages = Codec::decode(input)?;
        let count = input.length()?;
        let mut custom = Vec::new();
        for _ in 0..count {
            custom.push(input.text()?.into());
        }
        Ok(Self { languages, custom })
    }
}

unit_codes!(
    Tokenizer,
    "a tokenizer",
    [Word = 0, Whitespace = 1, Prefix = 2, Multilingual = 3]
);

unit_codes!(
    Language,
    "a language",
    [
        Arabic = 0,
        Armenian = 1,
        Azerbaijani = 2,
        Basque = 3,
        Bengali = 4,
        Catalan = 5,
        Chinese = 6,
        Danish = 7,
        Dutch = 8,
        English = 9,
        Finnish = 10,
        French = 11,
        German = 12,
        Greek = 13,
        Hebrew = 14,
        Hinglish = 15,
        Hungarian = 16,
        Indonesian = 17,
        Italian = 18,
        Japanese = 19,
        Kazakh = 20,
        Nepali = 21,
        Norwegian = 22,
        Portuguese = 23,
        Romanian = 24,
        Russian = 25,
        Slovene = 26,
        Spanish = 27,
        Swedish = 28,
        Tajik = 29,
        Tamil = 30,
        Turkish = 31,
    ]
);
