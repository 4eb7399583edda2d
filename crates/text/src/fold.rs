//! Letters and signs as plain ASCII.
//!
//! What is folded is what Lucene's `ASCIIFoldingFilter` folds: Latin letters, digits and
//! punctuation in their many forms. Most of it follows from Unicode's own decompositions; the
//! rest is a table.

use std::borrow::Cow;
use std::sync::LazyLock;

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `text` with everything folded that has an ASCII form; other characters stay as they are.
pub(crate) fn fold(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            folded.push(c);
        } else if let Some(listed) = TABLE.get(&c) {
            folded.push_str(listed);
        } else if !(is_decomposed(c) && push_decomposed(c, &mut folded)) {
            folded.push(c);
        }
    }
    Cow::Owned(folded)
}

/// Whether `c` lies where decompositions are taken for foldings. Elsewhere (squared units, Roman
/// numerals, styled mathematical letters) they are not.
fn is_decomposed(c: char) -> bool {
    matches!(
        c,
        '\u{c0}'..='\u{24f}'
            | '\u{1e00}'..='\u{1eff}'
            | '\u{2070}'..='\u{2094}'
            | '\u{2460}'..='\u{24e9}'
            | '\u{ff01}'..='\u{ff3f}'
            | '\u{ff41}'..='\u{ff5b}'
            | '\u{ff5d}'..='\u{ff5e}'
    )
}

/// Appends the decomposition of `c` without marks if it is ASCII.
fn push_decomposed(c: char, folded: &mut String) -> bool {
    let before = folded.len();
    folded.extend(
        core::iter::once(c)
            .nfkd()
            .filter(|c| !is_combining_mark(*c)),
    );
    let done = folded.len() > before && folded[before..].is_ascii();
    if !done {
        folded.truncate(before);
    }
    done
}

static TABLE: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let each =
        |&(ascii, chars): &(&'static str, &'static str)| chars.chars().map(move |c| (c, ascii));
    FOLDINGS.iter().flat_map(each).collect()
});

/// ASCII forms and the characters that have them, where decompositions do not tell.
const FOLDINGS: &[(&str, &str)] = &[
    ("!!", "‼"),
    ("!?", "⁉"),
    ("\"", "«»“”„″‶❝❞❮❯"),
    ("%", "⁒"),
    ("'", "‘’‚‛′‵‹›❛❜"),
    ("(", "❨❪"),
    ("((", "⸨"),
    (")", "❩❫"),
    ("))", "⸩"),
    ("*", "⁎"),
    ("-", "‐‑‒–—⁻₋"),
    ("/", "⁄"),
    ("0", "⓪⓿"),
    ("1", "¹⓵❶➀➊"),
    ("10", "⓾❿➉➓"),
    ("11", "⓫"),
    ("12", "⓬"),
    ("13", "⓭"),
    ("14", "⓮"),
    ("15", "⓯"),
    ("16", "⓰"),
    ("17", "⓱"),
    ("18", "⓲"),
    ("19", "⓳"),
    ("2", "²⓶❷➁➋"),
    ("20", "⓴"),
    ("3", "³⓷❸➂➌"),
    ("4", "⓸❹➃➍"),
    ("5", "⓹❺➄➎"),
    ("6", "⓺❻➅➏"),
    ("7", "⓻❼➆➐"),
    ("8", "⓼❽➇➑"),
    ("9", "⓽❾➈➒"),
    (";", "⁏"),
    ("<", "❬❰"),
    (">", "❭❱"),
    ("?!", "⁈"),
    ("??", "⁇"),
    ("[", "⁅❲"),
    ("]", "⁆❳"),
    ("^", "‸"),
    ("A", "Ⱥᴀ"),
    ("a", "ɐəɚᶏᶕẚₔⱥⱯ"),
    ("AA", "Ꜳ"),
    ("aa", "ꜳ"),
    ("AE", "ÆǢǼᴁ"),
    ("ae", "æǣǽᴂ"),
    ("AO", "Ꜵ"),
    ("ao", "ꜵ"),
    ("AU", "Ꜷ"),
    ("au", "ꜷ"),
    ("AV", "ꜸꜺ"),
    ("av", "ꜹꜻ"),
    ("AY", "Ꜽ"),
    ("ay", "ꜽ"),
    ("B", "ƁƂɃʙᴃ"),
    ("b", "ƀƃɓᵬᶀ"),
    ("C", "ƇȻʗᴄ"),
    ("c", "ƈȼɕↄꜾꜿ"),
    ("D", "ÐĐƉƊƋᴅᴆꝹ"),
    ("d", "ðđƌȡɖɗᵭᶁᶑꝺ"),
    ("db", "ȸ"),
    ("dz", "ʣʥ"),
    ("E", "ƎƐɆᴇⱻ"),
    ("e", "ǝɇɘɛɜɝɞʚᴈᶒᶓᶔⱸ"),
    ("F", "ƑꜰꝻꟻ"),
    ("f", "ƒᵮᶂẛꝼ"),
    ("ff", "ﬀ"),
    ("ffi", "ﬃ"),
    ("ffl", "ﬄ"),
    ("fi", "ﬁ"),
    ("fl", "ﬂ"),
    ("G", "ƓǤɢʛꝽꝾ"),
    ("g", "ǥɠɡᵷᵹᶃꝿ"),
    ("H", "ĦʜⱧⱵ"),
    ("h", "ħɥɦʮʯⱨⱶ"),
    ("HV", "Ƕ"),
    ("hv", "ƕ"),
    ("I", "ƖƗɪᵻꟾ"),
    ("i", "ıɨᴉᵢᵼᶖ"),
    ("J", "Ɉᴊ"),
    ("j", "ȷɉɟʄʝⱼ"),
    ("K", "ƘᴋⱩꝀꝂꝄ"),
    ("k", "ƙʞᶄⱪꝁꝃꝅ"),
    ("L", "ĿŁȽʟᴌⱠⱢꝆꝈꞀ"),
    ("l", "ŀłƚȴɫɬɭᶅⱡꝇꝉꞁ"),
    ("LL", "Ỻ"),
    ("ll", "ỻ"),
    ("ls", "ʪ"),
    ("lz", "ʫ"),
    ("M", "ƜᴍⱮꟽꟿ"),
    ("m", "ɯɰɱᵯᶆ"),
    ("N", "ŊƝȠɴᴎ"),
    ("n", "ŉŋƞȵɲɳᵰᶇ"),
    ("O", "ØƆƟǾᴏᴐꝊꝌ"),
    ("o", "øǿɔɵᴖᴗᶗⱺꝋꝍ"),
    ("OE", "Œɶ"),
    ("oe", "œᴔ"),
    ("OO", "Ꝏ"),
    ("oo", "ꝏ"),
    ("OU", "Ȣᴕ"),
    ("ou", "ȣ"),
    ("P", "ƤᴘⱣꝐꝒꝔ"),
    ("p", "ƥᵱᵽᶈꝑꝓꝕꟼ"),
    ("Q", "ɊꝖꝘ"),
    ("q", "ĸɋʠꝗꝙ"),
    ("qp", "ȹ"),
    ("R", "ɌʀʁᴙᴚⱤꝚꞂ"),
    ("r", "ɍɼɽɾɿᵣᵲᵳᶉꝛꞃ"),
    ("S", "ꜱꞅ"),
    ("s", "ȿʂᵴᶊẜẝꞄ"),
    ("SS", "ẞ"),
    ("ss", "ß"),
    ("st", "ﬆ"),
    ("T", "ŦƬƮȾᴛꞆ"),
    ("t", "ŧƫƭȶʇʈᵵⱦ"),
    ("tc", "ʨ"),
    ("TH", "ÞꝦ"),
    ("th", "þᵺꝧ"),
    ("ts", "ʦ"),
    ("TZ", "Ꜩ"),
    ("tz", "ꜩ"),
    ("U", "Ʉᴜᵾ"),
    ("u", "ʉᵤᶙ"),
    ("ue", "ᵫ"),
    ("V", "ƲɅᴠỼꝞꝨ"),
    ("v", "ʋʌᵥᶌⱱⱴꝟ"),
    ("VY", "Ꝡ"),
    ("vy", "ꝡ"),
    ("W", "ǷᴡⱲ"),
    ("w", "ƿʍⱳ"),
    ("x", "ᶍ"),
    ("Y", "ƳɎʏỾ"),
    ("y", "ƴɏʎỿ"),
    ("Z", "ƵȜȤᴢⱫꝢ"),
    ("z", "ƶȝȥɀʐʑᵶᶎⱬꝣ"),
    ("{", "❴"),
    ("}", "❵"),
    ("~", "⁓"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_europe_become_ascii() {
        for (text, folded) in [
            ("ação", "acao"),
            ("Ångström", "Angstrom"),
            ("Łódź", "Lodz"),
            ("straße", "strasse"),
            ("Œuvre ĳs", "OEuvre ijs"),
            ("ﬁn", "fin"),
            ("Ｆｕｌｌ “quoted”", "Full \"quoted\""),
            ("①②", "12"),
            ("đường", "duong"),
        ] {
            assert_eq!(fold(Cow::Borrowed(text)), folded);
        }
    }

    #[test]
    fn other_scripts_and_styled_letters_stay() {
        for text in ["ёлка", "Ελλάδα", "世界", "Ⅳ ㎏ ℝ", "plain"] {
            assert_eq!(fold(Cow::Borrowed(text)), text);
        }
    }
}
