import { Button, Group, Stack, Text } from '@mantine/core';
import { type PointerEvent, useEffect, useRef } from 'react';
import { framedDrawing } from './picture-input.ts';

const sidePx = 224;
const strokePx = 20;

interface Props {
  /** Side of the square that the model takes. */
  size: number;
  onDrawn: (rows: number[][]) => void;
  onCleared: () => void;
}

/** A square to draw on with a mouse, pen or finger; every lifted stroke is offered for prediction. */
export function DrawingBoard({ size, onDrawn, onCleared }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<{ x: number; y: number } | null>(null);
  useEffect(() => clear(canvas.current), []);
  const place = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const scale = sidePx / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  };
  const draw = (event: PointerEvent<HTMLCanvasElement>) => {
    const context = event.currentTarget.getContext('2d');
    const from = last.current;
    if (context === null || from === null) return;
    const to = place(event);
    context.strokeStyle = '#fff';
    context.lineWidth = strokePx;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last.current = to;
  };
  const lift = () => {
    if (last.current === null || canvas.current === null) return;
    last.current = null;
    const rows = framedDrawing(canvas.current, size);
    if (rows) onDrawn(rows);
  };
  return (
    <Stack gap="xs" align="flex-start">
      <canvas
        ref={canvas}
        width={sidePx}
        height={sidePx}
        aria-label="Drawing board. Without a pointer, upload a picture instead."
        role="img"
        style={{
          width: sidePx,
          maxWidth: '100%',
          borderRadius: 8,
          touchAction: 'none',
          cursor: 'crosshair',
          background: '#000',
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = place(event);
          draw(event);
        }}
        onPointerMove={draw}
        onPointerUp={lift}
        onPointerCancel={lift}
      />
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          onClick={() => {
            clear(canvas.current);
            onCleared();
          }}
        >
          Clear
        </Button>
        <Text size="xs" c="dimmed">
          Draw, then lift.
        </Text>
      </Group>
    </Stack>
  );
}

function clear(canvas: HTMLCanvasElement | null): void {
  const context = canvas?.getContext('2d', { willReadFrequently: true });
  if (!context) return;
  context.fillStyle = '#000';
  context.fillRect(0, 0, sidePx, sidePx);
}
