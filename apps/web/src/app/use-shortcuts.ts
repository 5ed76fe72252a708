import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

export const shortcuts = [
  { keys: ['g', 'h'], to: '/', label: 'Home' },
  { keys: ['g', 'd'], to: '/datasets', label: 'Data sets' },
  { keys: ['g', 'j'], to: '/jobs', label: 'Jobs' },
  { keys: ['g', 'm'], to: '/models', label: 'Models' },
  { keys: ['g', 'e'], to: '/endpoints', label: 'Endpoints' },
  { keys: ['g', 's'], to: '/settings', label: 'Settings' },
  { keys: ['n'], to: '/new', label: 'New model' },
] as const;

const sequenceMs = 1200;

/** One-key and two-key shortcuts, silent while somebody types or a dialog is open. */
export function useShortcuts(openSearch: () => void, openHelp: () => void): void {
  const navigate = useNavigate();
  const actions = useRef({ openSearch, openHelp });
  actions.current = { openSearch, openHelp };
  useEffect(() => {
    let first: { key: string; at: number } | null = null;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const began = first !== null && Date.now() - first.at < sequenceMs ? first.key : null;
      first = null;
      if (event.key === '/') {
        event.preventDefault();
        return actions.current.openSearch();
      }
      if (event.key === '?') return actions.current.openHelp();
      const typed = began === null ? [event.key] : [began, event.key];
      const found = shortcuts.find((shortcut) => shortcut.keys.join() === typed.join());
      if (found) {
        event.preventDefault();
        void navigate({ to: found.to });
      } else if (event.key === 'g') {
        first = { key: 'g', at: Date.now() };
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  return document.querySelector('[role="dialog"][aria-modal="true"]') !== null;
}
