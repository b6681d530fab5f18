//! The list of keys over any screen: made from the key map, filtered by what is typed.

use tui_input::Input;

use super::canvas::Canvas;
use super::frame;
use super::theme::Role;
use crate::console::keymap::{Binding, Place, key_names};
use crate::console::layout::Area;
use crate::console::state::State;

/// Column at which the descriptions stand.
const TEXT_AT: u16 = 20;

pub(super) fn draw(state: &State, (filter, selected): (&Input, usize), canvas: &mut Canvas<'_>, screen: Area) {
    let found = state.keymap.search(filter.value());
    let inner = canvas.frame(screen.centred(78, screen.height), "keys", "type to filter   Enter runs   Esc closes");
    let (head, list) = inner.split_top(1);
    let column = canvas.text(head, (0, 0), "/ ", Role::Muted);
    canvas.input(head, (column, 0), filter);
    let height = usize::from(list.height);
    let top = (selected + 1).saturating_sub(height);
    for (line, (at, binding)) in (0..list.height).zip(found.iter().enumerate().skip(top)) {
        let keys = key_names(&binding.keys);
        let cell = Area { width: (TEXT_AT - 1).min(list.width), ..list };
        let end = canvas.text(cell, (0, line), &keys, Role::Accent);
        canvas.text(list, (TEXT_AT, line), &sentence(state, binding), Role::Plain);
        if at == selected {
            frame::selected(canvas, list, line, 0..end.max(1));
        }
    }
    if found.is_empty() {
        canvas.text(list, (0, 0), "no key does that", Role::Muted);
    }
}

fn sentence(state: &State, binding: &Binding) -> String {
    let here = binding.places.contains(&Place::All) || binding.places.contains(&state.screen.place());
    if here {
        return binding.help.clone();
    }
    let places: Vec<&str> = binding.places.iter().map(|place| place.word()).collect();
    format!("{} ({})", binding.help, places.join(", "))
}
