//! The frame at every size.

use super::{Area, balance, frame, health, overview};

fn inside(part: Area, width: u16, height: u16) -> bool {
    part.is_empty() || (part.x + part.width <= width && part.y + part.height <= height)
}

fn apart(parts: &[Area]) -> bool {
    let lines = |a: &Area| a.y..a.y + a.height;
    let columns = |a: &Area| a.x..a.x + a.width;
    let meet = |a: std::ops::Range<u16>, b: std::ops::Range<u16>| a.start < b.end && b.start < a.end;
    let pairs = parts.iter().enumerate().flat_map(|(at, a)| parts[at + 1..].iter().map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| !a.is_empty() && !b.is_empty())
        .all(|(a, b)| !meet(lines(a), lines(b)) || !meet(columns(a), columns(b)))
}

#[test]
fn parts_lie_inside_the_screen_and_never_on_each_other() {
    for width in 0..=300 {
        for height in 0..=100 {
            let f = frame(width, height);
            let parts = [f.crumb, f.tabs, f.alert, f.body, f.detail, f.message, f.footer];
            assert!(parts.iter().all(|p| inside(*p, width, height)) && apart(&parts), "{width}x{height}");
            let (b, o, h) = (balance(width, height), overview(width, height), health(width, height));
            assert!(apart(&[b.summary, b.heads, b.list, b.card, b.recent]), "{width}x{height}");
            for part in [b.summary, b.heads, b.list, b.card, b.recent, o.heads, o.list, o.recent, h.summary, h.list] {
                assert!(inside(part, width, height), "{width}x{height}");
            }
        }
    }
}

#[test]
fn usual_sizes_have_room_for_rows() {
    assert!(balance(80, 24).list.height >= 15);
    assert!(balance(60, 20).list.height >= 11);
    assert!(balance(40, 12).list.height >= 6);
    assert!(health(80, 24).list.height >= 16);
    assert_eq!(balance(160, 45).card.width, 50);
    assert_eq!(balance(80, 24).card, Area::default());
}
