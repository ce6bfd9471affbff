//! How a strategy is told from the others: two letters, a colour for dark and one for light ground, dashes. Fixed for ever for
//! the strategies that we know, on the terminal and on the page; drawn from the name for all others.
//!
//! The twelve colours were found by annealing. Checked with the matrices of Machado, Oliveira and Fernandes (2009), the smallest
//! CIEDE2000 difference among all pairs under normal, protan, deutan and tritan vision is 12.8 on dark and 9.6 on light ground,
//! and the contrast to the ground is at least 3.1:1. Colour never stands alone: the letters stand on every mark.

/// A colour, 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// How a strategy is told from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Two letters, different from those of every other strategy of the same run.
    pub code: String,
    /// On dark ground.
    pub dark: Colour,
    /// On light ground.
    pub light: Colour,
    /// The pattern of its lines, as SVG wants it; empty for a solid line.
    pub dash: &'static str,
}

const SOLID: &str = "";
const LONG: &str = "7 4";
const DOT: &str = "2 3";

/// Code, strategy, colour on dark, colour on light, dashes. Family = hue, member = lightness and dashes.
const KNOWN: [(&str, &str, u32, u32, &str); 13] = [
    ("Sy", "sync", 0xf4bc33, 0xc0861c, SOLID),
    ("Sp", "sync-pool", 0xf6e9ac, 0xa38f5e, LONG),
    ("Ab", "async-blocking", 0xbeb37d, 0x423700, DOT),
    ("As", "async", 0xe06916, 0xc8400c, SOLID),
    ("To", "async-timeout", 0xa34b11, 0x8d583c, LONG),
    ("Li", "async-limited", 0x4098f3, 0x3088fa, SOLID),
    ("Lt", "limited-timeout", 0xa8c2f0, 0x0243bc, LONG),
    ("Bu", "bulkhead", 0x1b69e3, 0x153b74, DOT),
    ("Sh", "load-shed", 0x3d7055, 0x59937d, LONG),
    ("Co", "codel", 0x50fae3, 0x32756b, SOLID),
    ("Ai", "aimd", 0x81597a, 0x401932, LONG),
    ("Gr", "gradient", 0xa37da3, 0xdc50ac, SOLID),
    // Shares the colours of Ab: the letters tell them apart.
    ("Td", "async-timeout-detached", 0xbeb37d, 0x423700, DOT),
];

/// The order in which strategies that we do not know take colours: neighbours are of different families.
const SPARE: [usize; 12] = [3, 5, 9, 0, 11, 7, 8, 10, 4, 6, 1, 2];

impl Mark {
    fn known(number: usize, code: &str) -> Mark {
        let (_, _, dark, light, dash) = KNOWN[number];
        Mark { code: code.into(), dark: colour(dark), light: colour(light), dash }
    }
}

fn colour(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Colour(red, green, blue)
}

impl Colour {
    /// As CSS writes it: "#c8400c".
    pub(super) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// The ink that can be read on it: whichever of nearly black and white has more contrast (WCAG 2).
    pub(super) fn ink(self) -> &'static str {
        let light = self.luminance() + 0.05;
        if light / (0.0031 + 0.05) > 1.05 / light { "#06090d" } else { "#fff" }
    }

    /// Relative luminance (WCAG 2).
    fn luminance(self) -> f64 {
        let part = |value: u8| match f64::from(value) / 255.0 {
            v if v <= 0.04045 => v / 12.92,
            v => libm::pow((v + 0.055) / 1.055, 2.4),
        };
        0.2126 * part(self.0) + 0.7152 * part(self.1) + 0.0722 * part(self.2)
    }
}

/// The marks of the strategies `names` of one run, in their order. A strategy that we know has its own; another one has letters of
/// its name and a colour that its name decides, unless somebody else of the run has them: then the next ones that are free.
pub(super) fn marks<S: AsRef<str>>(names: &[S]) -> Vec<Mark> {
    let known: Vec<Option<usize>> =
        names.iter().map(|name| KNOWN.iter().position(|known| known.1 == name.as_ref())).collect();
    let mut colours: Vec<usize> = known.iter().flatten().copied().collect();
    let mut codes: Vec<String> = known.iter().flatten().map(|number| KNOWN[*number].0.to_string()).collect();
    let mut others = |name: &str| {
        let code = codes_of(name).find(|code| !codes.contains(code)).unwrap_or_else(|| "??".into());
        codes.push(code.clone());
        let first = (hash(name) % SPARE.len() as u64) as usize;
        let mut free = (0..SPARE.len()).map(|i| SPARE[(first + i) % SPARE.len()]);
        let number = free.find(|number| !colours.contains(number)).unwrap_or(SPARE[first]);
        colours.push(number);
        Mark::known(number, &code)
    };
    names
        .iter()
        .zip(known)
        .map(|(name, known)| match known {
            Some(number) => Mark::known(number, KNOWN[number].0),
            None => others(name.as_ref()),
        })
        .collect()
}

/// Two letters for a name, the best first: the beginnings of its first two words, its first letter with each later one, its first
/// letter with a digit.
fn codes_of(name: &str) -> impl Iterator<Item = String> {
    let letters = |word: &str| word.chars().filter(char::is_ascii_alphanumeric).collect::<Vec<char>>();
    let all = letters(name);
    let first = all.first().map_or('/', char::to_ascii_uppercase);
    let second_word = name.split(['-', '_', '.', ' ']).nth(1).and_then(|word| letters(word).first().copied());
    let digits = ('2'..='9').collect::<Vec<char>>();
    let rest: Vec<char> = second_word.into_iter().chain(all.into_iter().skip(1)).chain(digits).collect();
    rest.into_iter().map(move |next| format!("{first}{}", next.to_ascii_lowercase()))
}

/// FNV-1a, 64 bits: the same on every machine, for ever.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(names: &[&str]) -> Vec<String> {
        marks(names).into_iter().map(|mark| mark.code).collect()
    }

    #[test]
    fn known_strategies_keep_their_marks_and_others_never_take_them() {
        assert_eq!(codes(&["sync", "async-limited"]), ["Sy", "Li"]);
        assert_eq!(codes(&["lifo", "async-limited", "limit"]), ["Lf", "Li", "Lm"]);
        assert_eq!(codes(&["vegas", "vegas-windowed", "fixed"]), ["Ve", "Vw", "Fi"]);
    }

    #[test]
    fn no_two_strategies_of_a_run_look_alike_while_there_are_colours() {
        let names: Vec<String> = (0..12).map(|i| format!("arm-{i}")).collect();
        let marks = marks(&names);
        for (i, one) in marks.iter().enumerate() {
            for other in &marks[..i] {
                assert!(one.code != other.code && one.light != other.light, "{one:?} {other:?}");
            }
        }
        assert_eq!(super::marks(&names), marks, "the same names, the same marks");
    }

    #[test]
    fn the_ink_on_a_mark_can_be_read() {
        for (.., dark, light, _) in KNOWN {
            for ground in [colour(dark), colour(light)] {
                let ink = if ground.ink() == "#fff" { 1.0 } else { 0.0031 };
                let (one, other) = (ground.luminance() + 0.05, ink + 0.05);
                assert!((one / other).max(other / one) >= 4.5 - 0.25, "{ground:?}");
            }
        }
    }
}
